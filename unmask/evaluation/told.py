"""Figures of labels as functions of weights: what the bootstrap resamples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from unmask.evaluation.bootstrap import F64, Counts, Wanted, group_sums


@dataclass(frozen=True, slots=True)
class Told:
    """Accuracy, macro F1 and Matthews correlation for weights of the rows.

    Attributes:
        true, guessed: `(N,)` numbers of labels, of rows or of groups of rows that are alike.
        occurring: `(C,)` numbers of the labels that occur in either.
    """

    true: Counts
    guessed: Counts
    occurring: Counts = field(init=False)

    NAMED: ClassVar[tuple[tuple[str, Wanted], ...]] = (
        ("accuracy", "more"),
        ("macro F1", "more"),
        ("Matthews correlation", "more"),
    )

    def __post_init__(self) -> None:
        """Number the labels anew, so that those which never occur cost nothing."""
        occurring, places = np.unique(np.stack([self.true, self.guessed]), return_inverse=True)
        true, guessed = places.reshape(2, -1)
        for name, value in (("true", true), ("guessed", guessed), ("occurring", occurring)):
            object.__setattr__(self, name, value)

    @classmethod
    def grouped(cls, true: Counts, guessed: Counts) -> tuple[Told, Counts]:
        """Over the occupied cells of the confusion matrix, with the rows in each."""
        size = int(guessed.max()) + 1
        cells, counts = np.unique(true * size + guessed, return_counts=True)
        return cls(cells // size, cells % size), counts

    def __call__(self, weights: F64) -> F64:
        """`(R, N)` weights to `(R, 3)` figures, in the order of `NAMED`."""
        size = len(self.occurring)
        hits = self.true == self.guessed
        right = group_sums(weights[:, hits], self.true[hits], size)
        true = group_sums(weights, self.true, size)
        guessed = group_sums(weights, self.guessed, size)
        rows = true.sum(1)
        accuracy = right.sum(1) / rows
        return np.stack(
            [accuracy, macro_f1(right, true, guessed), _matthews(right, true, guessed)], axis=1
        )


def macro_f1(right: F64, true: F64, guessed: F64) -> F64:
    """`(R,)` mean F1 of the labels that occur; 0 where none does.

    Args:
        right: `(R, C)` rows by label whose guess is right.
        true: `(R, C)` rows that have the label.
        guessed: `(R, C)` rows guessed to have it.
    """
    either = true + guessed
    f1 = np.divide(2 * right, either, out=np.zeros(either.shape), where=either > 0)
    mean: F64 = f1.sum(1) / np.maximum((either > 0).sum(1), 1)
    return mean


def _matthews(right: F64, true: F64, guessed: F64) -> F64:
    rows = true.sum(1)
    shared = right.sum(1) * rows - (true * guessed).sum(1)
    spread = (rows**2 - (true**2).sum(1)) * (rows**2 - (guessed**2).sum(1))
    matthews: F64 = np.divide(shared, np.sqrt(spread), out=np.zeros_like(rows), where=spread > 0)
    return matthews
