"""Batches of pairs of texts: `[CLS] A [SEP] B [SEP]`, and what each pair is.

A and B are neighbouring sentences of a document, cut apart at a random place between two. Of a
share of the pairs B is another text ("nsp", Devlin et al. 2018), or the two are exchanged ("sop",
Lan et al. 2019). All of that is a function of (seed, epoch, sample).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.order import epoch_batches
from unmask.batches.pack import pack
from unmask.batches.runs import Runs, runs_of
from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError, TextError
from unmask.tokens.layout import PairLayout

I64 = npt.NDArray[np.int64]
PairKind = Literal["nsp", "sop"]
CUT, CHANGED, PARTNER = 41, 42, 43  # streams of Draws
NEXT, OTHER = 0, 1
"""What a pair is, numbered as in the published heads."""


@dataclass(frozen=True)
class Drawn:
    """The pairs of an epoch, as tokens of the store.

    Attributes:
        first, second: `(N, 2)` where A and B begin and end.
        labels: `(N,)` what each pair is: `NEXT` or `OTHER`.
    """

    first: I64
    second: I64
    labels: I64

    @property
    def lengths(self) -> I64:
        """`(N,)` tokens of each pair, special tokens not counted."""
        both: I64 = (np.diff(self.first) + np.diff(self.second))[:, 0]
        return both


@dataclass(frozen=True)
class PairBatches:
    """Batches of pairs.

    Attributes:
        tokens: `(N,)` all token ids of the text, memory-mapped or not.
        runs: what pairs are made of; the number of a run is that of its pair.
        layout: the special tokens around two texts.
        kind: what is done to a pair that is changed.
        negatives: the share of them.
        budget: most tokens of a batch, special tokens included.
        seed: of the order and of the pairs.
        window: batches that are sorted by length together; see `epoch_batches`.
    """

    tokens: npt.NDArray[np.unsignedinteger[Any]]
    runs: Runs
    layout: PairLayout
    kind: PairKind
    negatives: float
    budget: int
    seed: int
    window: int

    @classmethod
    def over(
        cls,
        tokens: npt.NDArray[np.unsignedinteger[Any]],
        offsets: I64,
        units: I64,
        *,
        layout: PairLayout,
        kind: PairKind,
        context: int,
        budget: int,
        seed: int,
        negatives: float = 0.5,
        window: int = 32,
        on_long: OnLong = "chunk",
    ) -> PairBatches:
        """Pairs of a store's documents; see `runs_of`.

        Raises:
            TextError: no document has two sentences, or a single one has and "nsp" needs others.
            ConfigError: the layout gives both texts the same segment, or see `runs_of` and
                `epoch_batches`.
            TooLong: see `runs_of`.
        """
        if layout.segments[1] == layout.segments[3]:
            raise ConfigError(
                "pairs need a tokenizer that gives the second text a segment of its own, but this "
                f"one gives both {layout.segments[1][0]}. Correct its post-processor, or leave "
                "--tokenizer out"
            )
        runs = runs_of(offsets, units, context - _specials(layout), on_long)
        if kind == "nsp" and runs.documents < 2:
            raise TextError(
                "nsp takes a second text from another document, but a single document has two "
                "sentences or more. Give more text, or smaller documents with --document "
                "blank-line, or learn the order of sentences: --objective sop"
            )
        return cls(tokens, runs, layout, kind, negatives, budget, seed, window)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        drawn, chosen = self._chosen(epoch)
        return (self.batch(drawn, indices) for indices in islice(chosen, first, None))

    def count(self, epoch: int, most: int) -> int:
        """How many batches an epoch has, counted up to `most`."""
        return sum(1 for _ in islice(self._chosen(epoch)[1], most))

    @property
    def tokens_cut(self) -> int:
        """Tokens of long documents that are never read."""
        return self.runs.tokens_cut

    def _chosen(self, epoch: int) -> tuple[Drawn, Iterator[I64]]:
        """The pairs of an epoch, and the numbers of those in each batch."""
        draws = Draws(self.seed, epoch)
        drawn = self.drawn(draws)
        lengths = drawn.lengths + _specials(self.layout)
        return drawn, epoch_batches(lengths, self.budget, draws, self.window)

    def batch(self, drawn: Drawn, indices: I64) -> Batch:
        """The pairs of those numbers as one flat row."""
        rows, segments = [], []
        for index in indices:
            a, b = (
                self.tokens[begin:end].tolist()
                for begin, end in (drawn.first[index], drawn.second[index])
            )
            ids, kinds = self.layout.wrap(a, b)
            rows.append(ids)
            segments.append(kinds)
        return pack(rows, samples=indices, segments=segments, labels=drawn.labels[indices])

    def drawn(self, draws: Draws) -> Drawn:
        """All pairs of an epoch."""
        runs, samples = self.runs, np.arange(len(self.runs))
        between = runs.ends - runs.begins - 1
        middle = runs.begins + 1 + (draws.uniform(CUT, samples) * between).astype(np.int64)
        labels = (draws.uniform(CHANGED, samples) < self.negatives).astype(np.int64)
        changed = labels == OTHER
        first = np.stack([runs.begins, middle], axis=1)
        second = np.stack([middle, runs.ends], axis=1)
        if self.kind == "sop":
            swapped = changed[:, None]
            first, second = np.where(swapped, second, first), np.where(swapped, first, second)
        elif changed.any():
            first[changed], second[changed] = self._replaced(
                samples[changed], first[changed], second[changed], draws
            )
        return Drawn(runs.bounds[first], runs.bounds[second], labels)

    @cached_property
    def _partners(self) -> I64:
        """Sentences that another text may begin with: none that a document begins with, since a
        true second text never does."""
        inside = np.arange(len(self.runs.first)) > self.runs.first
        return np.flatnonzero(inside & self.runs.paired)

    def _replaced(self, samples: I64, first: I64, second: I64, draws: Draws) -> tuple[I64, I64]:
        """Pairs with a second text from another document, about as long as the true one.

        So the length tells nothing: where the run fills the room, whole sentences fill it again;
        where a document ends before, as many as come nearest to the true text's length. A first
        text that leaves too little room loses sentences at its beginning.

        Args:
            samples: `(N,)` their numbers.
            first, second: `(N, 2)` both texts, as numbers of sentences.
        """
        runs, bounds = self.runs, self.runs.bounds
        room = runs.room - (bounds[first[:, 1]] - bounds[first[:, 0]])
        inside = second[:, 1] < runs.end[second[:, 0]]
        wanted = np.where(inside, room, bounds[second[:, 1]] - bounds[second[:, 0]])
        begin = self._elsewhere(samples, second[:, 0], draws)
        last = runs.end[begin]
        # Not so near to its document's end that too little is left.
        latest = np.searchsorted(bounds, bounds[last] - wanted, side="right") - 1
        begin = np.maximum(np.minimum(begin, latest), runs.first[begin] + 1)
        below = np.searchsorted(bounds, bounds[begin] + wanted, side="right") - 1
        below = np.minimum(below, last)
        above = np.minimum(below + 1, last)
        short, long = bounds[below] - bounds[begin], bounds[above] - bounds[begin]
        nearer = (long - wanted < wanted - short) & (long <= room)
        end = np.where((below == begin) | nearer, above, below)
        left = runs.room - (bounds[end] - bounds[begin])
        start = np.searchsorted(bounds, bounds[first[:, 1]] - left, side="left")
        start = np.maximum(start, first[:, 0])
        return np.stack([start, first[:, 1]], axis=1), np.stack([begin, end], axis=1)

    def _elsewhere(self, samples: I64, own: I64, draws: Draws) -> I64:
        """A sentence of another document for each pair, all of them equally likely."""
        low, high = (
            np.searchsorted(self._partners, side[own]) for side in (self.runs.first, self.runs.end)
        )
        others = len(self._partners) - (high - low)
        place = (draws.uniform(PARTNER, samples) * others).astype(np.int64)
        return self._partners[place + np.where(place >= low, high - low, 0)]


def _specials(layout: PairLayout) -> int:
    """How many special tokens a pair has."""
    return len(layout.before) + len(layout.between) + len(layout.after)
