"""Documents cut into runs of neighbouring sentences, each of which becomes a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.batches.sequences import OnLong, sequences_of
from unmask.errors import TextError, TooLong

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Runs of at least two neighbouring sentences of one document, that fill the room.

    A sentence longer than half the room is split, so that any two neighbours fit.

    Attributes:
        room: most tokens of a run.
        bounds: `(U + 1,)` the token that each sentence begins with, over all documents, and the
            end of the last.
        first, end: `(U,)` the document of each sentence, as numbers of sentences; of one that was
            cut off, what is left of it.
        begins, ends: `(N,)` each run, as numbers of sentences.
        alone: documents with a single sentence, of which no pair can be made; they are not read.
        alone_tokens: their tokens.
        split: sentences that were split.
        long_documents: documents that are longer than the room.
        tokens_cut: tokens of them that were left out; above 0 only under "truncate".
    """

    room: int
    bounds: I64
    first: I64
    end: I64
    begins: I64
    ends: I64
    alone: int
    alone_tokens: int
    split: int
    long_documents: int
    tokens_cut: int

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def paired(self) -> npt.NDArray[np.bool_]:
        """`(U,)` whether a sentence is of a document that has runs, and not cut off."""
        held = np.zeros(len(self.first), dtype=np.bool_)
        held[self.first[self.begins]] = True
        return held[self.first] & (np.arange(len(self.end)) < self.end)

    @property
    def documents(self) -> int:
        """How many have runs."""
        return len(np.unique(self.first[self.begins]))

    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the documents were cut."""
        notes = []
        if self.alone:
            notes.append(
                f"{self.alone:,} documents with {self.alone_tokens:,} tokens have a single "
                "sentence, of which no pair can be made, and are not read"
            )
        if self.split:
            notes.append(
                f"{self.split:,} sentences are longer than half the context; they were split"
            )
        if self.long_documents:
            what = (
                f"{self.tokens_cut:,} tokens of them were left out (--on-long truncate)"
                if self.tokens_cut
                else "they were split into several pairs"
            )
            notes.append(f"{self.long_documents:,} documents are longer than a pair; {what}")
        return tuple(notes)


def runs_of(offsets: I64, units: I64, room: int, on_long: OnLong) -> Runs:
    """Cut documents at their sentences.

    Args:
        offsets: `(D + 1,)` document d is tokens `offsets[d]:offsets[d + 1]`.
        units: `(S,)` the token that each sentence begins with, ascending; each document that has
            tokens begins with one.
        room: tokens that both texts of a pair can hold together.
        on_long: of a document longer than the room: "chunk" makes several runs of it, "truncate"
            keeps the first and counts the rest, "error" raises.

    Raises:
        TextError: no document has two sentences.
        TooLong: under "error", a document does not fit.
        ConfigError: no room for two sentences, or an unknown word for `on_long`.
    """
    whole = np.append(units, offsets[-1:]).astype(np.int64)
    parts = sequences_of(whole, room // 2, "chunk")
    bounds = np.append(parts.starts, whole[-1:])
    owner = _owners(offsets, parts.starts)
    first = np.searchsorted(owner, owner, side="left")
    end = np.searchsorted(owner, owner, side="right")
    sentences = np.bincount(_owners(offsets, whole[:-1]), minlength=len(offsets) - 1)
    lone = sentences[owner] == 1
    begins, ends = _cut(bounds, np.unique(first[~lone]), end, room)
    alone = int((sentences == 1).sum())
    if not len(begins):
        raise TextError(
            f"pairs need documents of at least two sentences, but each of the {alone:,} documents "
            "has a single one. Make documents larger, with --document blank-line or file; where a "
            "line holds several sentences, find them with --set pairs.splitter=sentences (of "
            "evaluate, --splitter sentences)"
        )
    cut = 0
    long = int((bounds[end[begins]] - bounds[begins] > room)[begins == first[begins]].sum())
    if long and on_long == "error":
        raise TooLong(
            f"a pair may have at most {room} tokens beside the special ones, but {long:,} "
            "documents have more; pass --on-long chunk to make several pairs of them or truncate "
            "to keep their beginnings"
        )
    if on_long == "truncate":
        kept = begins == first[begins]
        begins, ends = begins[kept], ends[kept]
        cut = int((bounds[end[begins]] - bounds[ends]).sum())
        left = np.zeros_like(end)
        left[begins] = ends
        end = np.where(lone, end, left[first])
    return Runs(
        room=room,
        bounds=bounds,
        first=first,
        end=end,
        begins=begins,
        ends=ends,
        alone=alone,
        alone_tokens=int(np.diff(bounds)[lone].sum()),
        split=parts.long_documents,
        long_documents=long,
        tokens_cut=cut,
    )


def _owners(offsets: I64, tokens: I64) -> I64:
    """The document of each token."""
    return np.searchsorted(offsets, tokens, side="right") - 1


def _cut(bounds: I64, documents: I64, end: I64, room: int) -> tuple[I64, I64]:
    """Runs that fill the room one after the other, from the first sentence of each document.

    A sentence that would be left by itself at a document's end takes the one before along, which
    is then in two runs.
    """
    reach = np.searchsorted(bounds, bounds[:-1] + room, side="right") - 1
    stops = np.minimum(reach, end).tolist()
    begins: list[int] = []
    ends: list[int] = []
    for start, last in zip(documents.tolist(), end[documents].tolist(), strict=True):
        at = start
        while at < last:
            stop = stops[at]
            begins.append(at - 1 if stop - at == 1 else at)
            ends.append(stop)
            at = stop
    return np.array(begins, dtype=np.int64), np.array(ends, dtype=np.int64)
