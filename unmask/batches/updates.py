"""Batches of as many rows each, in an order that is drawn: where a batch is one update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack

UPDATES = 103  # stream of Draws


@dataclass(frozen=True)
class Updates:
    """Batches of rows; the number of a sample is the number of its row.

    Rows are not sorted by length, so which of them share a batch is random. All batches are of one
    size, or one less, so that the last is no small one.

    Attributes:
        rows: `(N,)` lists of token ids, special tokens included.
        size: rows of a batch, or as near to it as N allows.
        seed: of the order.
    """

    rows: Sequence[Sequence[int]]
    size: int
    seed: int

    @property
    def count(self) -> int:
        """Batches of an epoch."""
        return max(1, round(len(self.rows) / self.size))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        order = Draws(self.seed, epoch).permutation(len(self.rows), UPDATES)
        for part in np.array_split(order, self.count)[first:]:
            yield pack([self.rows[number] for number in part], samples=part)

    def steps(self, epochs: int) -> int:
        """The number of batches in so many epochs."""
        return epochs * self.count
