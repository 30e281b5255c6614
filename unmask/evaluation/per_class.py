"""Precision, recall and F1 of one class, a label or a type of spans, each with its interval.

R resamples, G groups of rows that count alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.evaluation.bootstrap import ENDS, F64, Counts, Estimate, Interval, resample
from unmask.evaluation.slices import FEW


@dataclass(frozen=True, slots=True, kw_only=True)
class PerClassFigures:
    """How well one class is told.

    Attributes:
        label: its name.
        precision: share of what was found of it that is right; 0 where nothing was found.
        recall: share of it that was found; 0 where there is none.
        f1: their harmonic mean.
        precision_interval, recall_interval, f1_interval: by bootstrap over all rows or sentences.
            None where the class neither is there nor was found, and in results that were stored
            before they were measured.
    """

    label: str
    precision: float
    recall: float
    f1: float
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    f1_interval: Interval | None = None

    @property
    def estimates(self) -> tuple[Estimate, Estimate, Estimate]:
        """Precision, recall and F1 with their intervals."""
        return (
            Estimate(self.precision, self.precision_interval),
            Estimate(self.recall, self.recall_interval),
            Estimate(self.f1, self.f1_interval),
        )

    def in_words(self, count: int, counted: str) -> str:
        """One line for people; the intervals of precision and recall would make it too long.

        Args:
            count: how many there are in truth; of fewer than `FEW` no interval is shown.
            counted: what is counted, in the plural.
        """
        between = self.f1_interval
        reach = f"(too few {counted})" if between is None or count < FEW else f"(95 %: {between})"
        # As wide as the interval of a share is, so that what follows stands in columns.
        return (
            f"F1 {self.f1:.3f} {reach:<22}  precision {self.precision:.3f}  "
            f"recall {self.recall:.3f}  {counted} {count:,}"
        )


def f1_precision_recall(sums: F64) -> F64:
    """`(R, 3)` F1, precision and recall; each 0 where it is a share of nothing.

    Args:
        sums: `(R, 3)` of what is found rightly, of what is found, and of what there is.
    """
    right, found, there = sums.T
    parts = ((2 * right, found + there), (right, found), (right, there))
    shares = [np.divide(a, b, out=np.zeros_like(b), where=b > 0) for a, b in parts]
    return np.stack(shares, axis=1)


def class_intervals(alike: F64, counts: Counts, resamples: int) -> dict[str, Any]:
    """The intervals of a class, by the names of their fields.

    Args:
        alike: `(G, 3)` of what a row has of it: found rightly, found, and there.
        counts: `(G,)` how many rows do.
        resamples: of the bootstrap over the rows (Efron 1979).
    """
    drawn = resample(
        lambda weights: f1_precision_recall(weights @ alike), counts, resamples=resamples
    )
    # All three at once, as there may be thousands of classes.
    ends = np.quantile(drawn, ENDS, axis=0).T.tolist()
    names = ("f1_interval", "precision_interval", "recall_interval")
    return {name: Interval(*both) for name, both in zip(names, ends, strict=True)}
