"""Batches of rows of token ids that are whole already, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import numpy.typing as npt

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.order import epoch_batches
from unmask.batches.pack import pack

I64 = npt.NDArray[np.int64]
WINDOW = 32  # batches sorted by length together; see unmask.batches.order


@dataclass(frozen=True)
class RowBatches:
    """Batches of rows; the number of a sample is the number of its row.

    Attributes:
        rows: `(N,)` lists of token ids, special tokens included.
        segments: of the same shape, for pairs of texts; None for single texts.
        budget: most tokens of a batch; a longer row is a batch by itself.
        seed: of the order.
        groups: how many rows, one after the other, belong together and are never parted; None where
            each stands by itself. A group that is longer than the budget is a batch by itself.
    """

    rows: Sequence[Sequence[int]]
    segments: Sequence[Sequence[int]] | None
    budget: int
    seed: int
    groups: Sequence[int] | None = None

    @classmethod
    def of(
        cls,
        rows: Sequence[Sequence[int]],
        segments: Sequence[Sequence[int]] | None,
        *,
        batch: int,
        seed: int,
        groups: Sequence[int] | None = None,
    ) -> RowBatches:
        """Batches of so many rows, on average.

        The budget is in tokens, so that a batch of long rows costs no more than one of short ones.
        """
        lengths = [len(row) for row in rows]
        budget = max(max(lengths), round(batch * sum(lengths) / len(lengths)))
        return cls(rows, segments, budget, seed, groups)

    @cached_property
    def lengths(self) -> I64:
        """`(N,)` tokens of each row, or of each group; those longer than the budget count as it."""
        lengths = np.array([len(row) for row in self.rows], dtype=np.int64)
        if self.groups is None:
            return lengths
        return np.minimum(np.add.reduceat(lengths, self._bounds[:-1]), self.budget)

    @cached_property
    def _bounds(self) -> I64:
        """`(G + 1,)` the rows before each group, and all of them."""
        return np.concatenate(([0], np.cumsum(np.array(self.groups, dtype=np.int64))))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        return (self.batch(indices) for indices in islice(self._chosen(epoch), first, None))

    def steps(self, epochs: int) -> int:
        """The number of batches in so many epochs; it differs a little from epoch to epoch."""
        return sum(1 for epoch in range(epochs) for _ in self._chosen(epoch))

    def batch(self, indices: I64) -> Batch:
        """The rows, or groups of rows, of those numbers as one flat batch."""
        if self.groups is not None:
            bounds = self._bounds
            indices = np.concatenate([np.arange(bounds[one], bounds[one + 1]) for one in indices])
        rows = [self.rows[number] for number in indices]
        told = self.segments
        segments = None if told is None else [told[number] for number in indices]
        return pack(rows, samples=indices, segments=segments)

    def _chosen(self, epoch: int) -> Iterator[I64]:
        return epoch_batches(self.lengths, self.budget, Draws(self.seed, epoch), WINDOW)
