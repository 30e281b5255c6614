"""Texts without a label, which a classifier of few labelled ones learns from too.

There are often thousands of them where ten of each label are known. A regression on the vectors of
the labelled ones says how probable each label is for each of the others; fitted to its own answers,
made surer, beside the labels, it moves its borders to where few texts are (self-training;
Grandvalet and Bengio 2004 say why). The surest are read as texts of their labels by the encoder as
well. Whether all that helps is asked of the labelled texts, as for names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened
from unmask.errors import DataError, TooLong
from unmask.evaluation.probe import F32, F64, Probe
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.empty import EmptyTexts, is_empty
from unmask.text.labelled import texts_of
from unmask.text.rows import text_table
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.tasks.few_names import FOLDS, Fits
from unmask.verbs.tasks.labelled_data import counted
from unmask.verbs.tasks.rows import Rows

I64 = npt.NDArray[np.int64]
# By a trial on Banking77, see docs/log.md.
ROUNDS = 3
SURER = 2.0  # the power to which probabilities are taken
COUNT, TOGETHER = 0.5, 4.0  # labelled texts that each counts for, and all of them for each labelled
LEAST = 0.05  # a label that is less probable is none of a text's
SURE, MOST = 0.6, 50  # of the texts of a label, the share that an encoder learns from, and how many
BLOCK = 1 << 22  # probabilities that are held at once
FITS = FOLDS * (2 + ROUNDS) + 1 + ROUNDS  # regressions of a trial, and those that follow it


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Texts of a file whose labels nobody has said.

    Attributes:
        name: of the file.
        texts: all different, and none of them among the labelled ones.
        lines: where each stands; see `unmask.text.rows.Row`.
        note: where they were found, and how many were left out, in words.
    """

    name: str
    texts: tuple[str, ...]
    lines: tuple[int, ...]
    note: str

    @classmethod
    def read(cls, path: str | Path, known: Sequence[str], settings: FinetuneSettings) -> Unlabelled:
        """The texts of a table, or the lines of a .txt. No more are held than are learnt from.

        Args:
            path: the file; its labels, where it has any, are not read.
            known: the texts that are learnt from or measured with.
            settings: of the run: names of columns, what to do at a bad place, the most texts.

        Raises:
            DataError: it has no column of texts, or no text that is not known.
            CorruptText: a bad place.
        """
        table, data = text_table(path), settings.data
        named = data.text_column if data.text_column in table.columns else None
        columns = Columns.of(table, named, labels=False)
        reading, empty = Reading(data.on_bad, data.max_bad), EmptyTexts(table.name)
        drawn = _Drawn(settings.few_shot.most_unlabelled, settings.run.seed, known)
        read = 0
        for row, text in texts_of(table, columns, reading):
            read += 1
            empty.look(row.line, (text,))
            drawn.look(row.line, text)
        said = [f"{table.name}: {columns}; {counted(read, 'text')} without a label"]
        said += filter(None, (reading.left_out, empty.told))
        lines, texts = drawn.found
        if not texts:
            raise DataError(
                f"--unlabelled must have texts that are not among the labelled ones, but "
                f"{table.name} has none; leave it out, or give a file of others"
            )
        if drawn.over:
            said.append(
                f"{len(texts):,} different ones of them are drawn, none of which is empty or "
                "labelled (--set few_shot.most_unlabelled)"
            )
        elif less := read - len(texts):
            said.append(f"{less:,} of them left out, as they are empty, twice there, or labelled")
        return cls(table.name, texts, lines, "; ".join(said))

    def rows(self, opened: Opened[Any], on_long: OnLong) -> Rows:
        """The texts as a model's tokens.

        Raises:
            TooLong: a text is longer than the context, under "error"; it is named by its line.
        """
        try:
            return Rows.of(self.texts, opened, on_long)
        except TooLong:
            for line, text in zip(self.lines, self.texts, strict=True):
                try:
                    Rows.of((text,), opened, on_long)
                except TooLong as error:
                    raise TooLong(f"{self.name}:{line}: {error}") from None
            raise


class _Drawn:
    """Different texts, no more than so many, drawn by a seed without holding the others.

    Each text has a number by its hash, and those with the least numbers are kept. Texts that differ
    in white space alone are one.
    """

    def __init__(self, most: int, seed: int, known: Sequence[str]) -> None:
        self.over = False
        self._most, self._key = most, str(seed).encode()
        self._kept: list[tuple[int, int, str]] = []
        self._numbers = {self._number(text) for text in known}

    def look(self, line: int, text: str) -> None:
        """Keep a text, unless it is empty, known or there."""
        number = self._number(text)
        if is_empty(text) or number in self._numbers:
            return
        one = (-number, line, text)
        if len(self._kept) < self._most:
            heappush(self._kept, one)
        else:
            self.over = True
            out = heappushpop(self._kept, one)
            if out is one:
                return
            self._numbers.remove(-out[0])
        self._numbers.add(number)

    @property
    def found(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Lines and texts, in the order of the file."""
        kept = sorted((line, text) for _, line, text in self._kept)
        return tuple(line for line, _ in kept), tuple(text for _, text in kept)

    def _number(self, text: str) -> int:
        plain = " ".join(text.split()).encode()
        return int.from_bytes(blake2b(plain, digest_size=16, key=self._key).digest())


def self_trained(
    regression: Fits,
    vectors: F32,
    labels: Sequence[str],
    words: F32 | None,
    others: F32,
) -> Probe:
    """A regression that is fitted to some texts and, in turn, to what it says of others.

    Args:
        regression: fits one.
        vectors: `(N, E)` of the labelled texts.
        labels: theirs.
        words: `(C, E)` of the names of the labels, or None.
        others: `(U, E)` of the texts without a label.
    """
    probe = regression(vectors, labels, words, None)
    each = min(COUNT, TOGETHER * len(labels) / max(1, len(others)))
    for _ in range(ROUNDS):
        said = []
        for first, probabilities in _by_blocks(probe, others):
            places, guesses, shares = _guessed(probabilities)
            said.append((first + places, guesses, shares))
        places, guesses, shares = (np.concatenate(parts) for parts in zip(*said, strict=True))
        probe = regression(
            np.concatenate((vectors, others[places])),
            (*labels, *(probe.labels[guess] for guess in guesses)),
            words,
            (*[1.0] * len(labels), *(each * shares)),
        )
    return probe


def _by_blocks(probe: Probe, others: F32) -> Iterator[tuple[int, F64]]:
    """The number of a first text, and `(some, C)` probabilities from there on."""
    size = max(1, BLOCK // len(probe.labels))
    for first in range(0, len(others), size):
        yield first, probe.probabilities(others[first : first + size])


def _guessed(probabilities: F64) -> tuple[I64, I64, F64]:
    """Each text once for each label that is likely, after making them surer.

    Args:
        probabilities: `(U, C)`.

    Returns:
        Their places, the numbers of the labels, and the share that each has of its text. A text of
        which no label is likely has none.
    """
    surer = probabilities**SURER
    surer /= surer.sum(1, keepdims=True)
    surer[surer < LEAST] = 0.0
    total = surer.sum(1, keepdims=True)
    surer = np.divide(surer, total, out=np.zeros_like(surer), where=total > 0)
    places, guesses = np.nonzero(surer)
    return places, guesses, surer[places, guesses]


def surest(probe: Probe, others: F32) -> tuple[I64, I64]:
    """The texts whose labels are surest, a share of those of each label.

    Args:
        probe: says how probable each label is.
        others: `(U, E)` vectors of the texts.

    Returns:
        Their places, and the numbers of their labels among those of `probe`.
    """
    best = [(block.argmax(1), block.max(1)) for _, block in _by_blocks(probe, others)]
    guesses, sure = (np.concatenate(parts) for parts in zip(*best, strict=True))
    chosen: list[int] = []
    for label in range(len(probe.labels)):
        (places,) = np.nonzero(guesses == label)
        order = places[np.argsort(-sure[places], kind="stable")]
        chosen += order[: min(MOST, round(SURE * len(places)))].tolist()
    places = np.array(sorted(chosen), dtype=np.int64)
    return places, guesses[places]
