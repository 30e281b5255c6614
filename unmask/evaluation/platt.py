"""Scores as probabilities: a slope and an offset, fitted on rows that were not trained on.

A score s becomes 1 / (1 + exp(-(slope s + offset))) (Platt 1999). The slope is above 0, so the
order of the scores stays what it is. As in that paper, the fit takes for the truth of a row not
quite 1 or 0 but (n + 1) / (n + 2) of the n relevant rows, and 1 / (m + 2) of the m others, so that
rows which are all told apart do not make it infinitely sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2

from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64, LEVEL

FLATTEST, STEEPEST = 1e-3, 1e3  # slopes that are looked at, of scores with a spread of 1


@dataclass(frozen=True, slots=True)
class Platt:
    """How a score becomes a probability.

    Attributes:
        slope, offset: 1 and 0 where scores stay as they are.
        before, after: mean log loss of the rows in nats, with 1 and 0 and with the best.
        rows: how many they are.
        told: "fitted"; "chance": the rows do not show that the best is better than 1 and 0, by a
            likelihood ratio at 95 %, and scores stay; "one kind": all rows are relevant, or none
            is, and scores stay.
    """

    slope: float
    offset: float
    before: float
    after: float
    rows: int
    told: Literal["fitted", "chance", "one kind"]

    @classmethod
    def fit(cls, logits: F64, truth: F64) -> Platt:
        """The slope and the offset with the least loss.

        Args:
            logits: `(N,)` as the model gives them, finite.
            truth: `(N,)` 1 for relevant, else 0.

        Raises:
            DataError: there are no rows, the shapes differ, or a logit is not finite.
        """
        if logits.shape != truth.shape or logits.ndim != 1 or not len(logits):
            raise DataError(
                "scores are calibrated by rows with a logit and a label each, but these have the "
                f"shapes {logits.shape} and {truth.shape}"
            )
        if not np.isfinite(logits).all():
            raise DataError(
                f"logits must be finite, but {int((~np.isfinite(logits)).sum()):,} are not; train "
                "with a lower learning rate"
            )
        before = _loss(logits, truth)
        relevant = int(truth.sum())
        if relevant in (0, len(truth)):
            return cls(1.0, 0.0, before, before, len(truth), "one kind")
        others = len(truth) - relevant
        soft = np.where(truth > 0, (relevant + 1) / (relevant + 2), 1 / (others + 2))
        slope, offset = _best(logits, soft)
        after = _loss(slope * logits + offset, truth)
        if 2 * len(truth) * (before - after) < float(chi2.ppf(LEVEL, 2)):
            return cls(1.0, 0.0, before, after, len(truth), "chance")
        return cls(slope, offset, before, after, len(truth), "fitted")

    def __call__(self, logits: F64) -> F64:
        """`(N,)` logits to probabilities."""
        found: F64 = expit(self.slope * logits + self.offset)
        return found

    def in_words(self) -> str:
        """For people."""
        if self.told == "one kind":
            return (
                f"scores are left as they are: of {self.rows:,} rows all are relevant or none is, "
                "which cannot say how sure the model may be"
            )
        losses = f"the log loss on {self.rows:,} rows from {self.before:.3f} to {self.after:.3f}"
        if self.told == "chance":
            return (
                "scores are left as they are: the best temperature and bias would take "
                f"{losses}, which may be chance"
            )
        return (
            f"scores are calibrated by a temperature of {1 / self.slope:.3f} and a bias of "
            f"{self.offset:+.3f}, which takes {losses}"
        )


def _best(logits: F64, soft: F64) -> tuple[float, float]:
    """By L-BFGS over the logarithm of the slope and over the offset, on scores of spread 1.

    The loss is convex in slope and offset, and the logarithm keeps the one valley.
    """
    centre, spread = float(logits.mean()), float(logits.std()) or 1.0
    small = (logits - centre) / spread

    def loss(at: F64) -> tuple[float, F64]:
        slope = math.exp(at[0])
        scores = slope * small + at[1]
        gap = expit(scores) - soft
        value = float((np.logaddexp(0.0, scores) - soft * scores).mean())
        return value, np.array([slope * (gap * small).mean(), gap.mean()])

    ends = [(math.log(FLATTEST), math.log(STEEPEST)), (None, None)]
    start = np.zeros(2)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=ends, options={"ftol": 1e-13})
    slope = math.exp(float(found.x[0])) / spread
    return slope, float(found.x[1]) - slope * centre


def _loss(logits: F64, truth: F64) -> float:
    return float((np.logaddexp(0.0, logits) - truth * logits).mean())
