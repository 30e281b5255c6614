"""Figures of runs with several seeds, and paired differences of two arms, with intervals.

A figure is the mean over seeds. Rows are drawn with replacement, and so are seeds, and both arms
are measured on what was drawn: an interval holds for other rows and for other runs, as far as a few
seeds can tell.

R resamples, S seeds, N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64, SEED, Interval, interval, resample


@dataclass(frozen=True, slots=True)
class Ranged:
    """A figure, or a difference of figures.

    Attributes:
        value: the mean over seeds.
        low, high: where it lies in 95 % of the resamples.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, found: Interval) -> Ranged:
        """From its parts."""
        return cls(value, found.low, found.high)


def by_seed(scores_SN2: F64) -> list[float]:
    """The figure of each seed.

    Args:
        scores_SN2: of each row its share of what is counted, and of what that is out of.
    """
    sums = scores_SN2.sum(1)
    found: list[float] = _ratio(sums).tolist()
    return found


def figure(scores_SN2: F64) -> Ranged:
    """The mean figure with its interval; see `by_seed`."""
    resampled = resample(lambda weights: _figures(weights, scores_SN2), scores_SN2.shape[1])
    return Ranged.of(float(np.mean(by_seed(scores_SN2))), interval(_over_seeds(resampled)))


def difference(first_SN2: F64, second_SN2: F64) -> Ranged:
    """First less second, on the same rows with the same seeds.

    Raises:
        DataError: they are not of the same rows and seeds.
    """
    if first_SN2.shape != second_SN2.shape:
        raise DataError(
            "two arms are compared on the same seeds and rows, but theirs are "
            f"{first_SN2.shape[:2]} and {second_SN2.shape[:2]}"
        )
    resampled = resample(
        lambda weights: _figures(weights, first_SN2) - _figures(weights, second_SN2),
        first_SN2.shape[1],
    )
    value = float(np.mean(by_seed(first_SN2)) - np.mean(by_seed(second_SN2)))
    return Ranged.of(value, interval(_over_seeds(resampled)))


def _figures(weights: F64, scores_SN2: F64) -> F64:
    """`(R, N)` weights to `(R, S)` figures."""
    seeds, rows, _ = scores_SN2.shape
    flat = np.ascontiguousarray(scores_SN2.transpose(1, 0, 2)).reshape(rows, 2 * seeds)
    return _ratio((weights @ flat).reshape(len(weights), seeds, 2))


def _ratio(sums: F64) -> F64:
    """`(..., 2)` to `(...)`; 0 where there is nothing to count."""
    found: F64 = sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], 1.0)
    return found


def _over_seeds(resampled: F64) -> F64:
    """`(R, S)` to `(R,)`: the mean over seeds that are drawn too."""
    count, seeds = resampled.shape
    drawn = np.random.default_rng(SEED).multinomial(seeds, [1 / seeds] * seeds, size=count)
    mean: F64 = (resampled * drawn).sum(1) / seeds
    return mean
