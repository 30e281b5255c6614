"""Batches in which texts of one label stand together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.rows import RowBatches

I64 = npt.NDArray[np.int64]
ROWS, GROUPS = 61, 62  # streams of Draws


@dataclass(frozen=True)
class TogetherBatches:
    """Batches of pairs of rows of one label, every row once in an epoch.

    A label with an odd number of rows has three of them together; one with a single row, that
    alone. All batches of an epoch have about as many groups.

    Attributes:
        rows: the rows; the number of a sample is the number of its row.
        labels: `(N,)` int64, of each row.
        size: rows of a batch, about.
        seed: of the order.
    """

    rows: RowBatches
    labels: I64
    size: int
    seed: int

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[int]], labels: I64, *, batch: int, seed: int
    ) -> TogetherBatches:
        """Batches of so many rows."""
        return cls(RowBatches.of(rows, None, batch=batch, seed=seed), labels, batch, seed)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        return (self.rows.batch(indices) for indices in islice(self._chosen(epoch), first, None))

    def steps(self, epochs: int) -> int:
        """The number of batches in so many epochs."""
        return epochs * self._batches

    @property
    def _batches(self) -> int:
        """Of an epoch; each has two groups or more where there are so many."""
        counts: list[int] = np.unique_counts(self.labels).counts.tolist()
        groups = sum(max(1, count // 2) for count in counts)
        return max(1, min(round(len(self.labels) / self.size), groups // 2))

    def _chosen(self, epoch: int) -> Iterator[I64]:
        """The rows of each batch, by rising length, as attention wants them."""
        draws = Draws(self.seed, epoch)
        groups = self._groups(draws)
        order = draws.permutation(len(groups), GROUPS)
        for some in np.array_split(order, self._batches):
            batch = np.concatenate([groups[number] for number in some])
            yield batch[np.argsort(self.rows.lengths[batch], kind="stable")]

    def _groups(self, draws: Draws) -> list[I64]:
        """The rows of each label, shuffled, in twos."""
        order = draws.permutation(len(self.labels), ROWS)
        order = order[np.argsort(self.labels[order], kind="stable")]
        bounds = np.flatnonzero(np.diff(self.labels[order])) + 1
        return [
            group
            for rows in np.split(order, bounds)
            for group in np.array_split(rows, max(1, len(rows) // 2))
        ]
