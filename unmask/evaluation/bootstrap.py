"""The bootstrap (Efron 1979): how far a figure may be off, and whether two models differ.

A figure is given as a function of weights: how often each row is counted. With every weight 1 it is
the figure itself; a resample of N rows, drawn with replacement, is N whole weights that sum to N.
So whatever can be written as sums over rows is computed for many resamples in one product.

R resamples, N rows (or groups of rows that are alike), K figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unmask.errors import DataError

F64 = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

RESAMPLES = 1000
LEVEL = 0.95
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)  # of an interval, as shares of the resamples
SEED = 1979  # any fixed number will do; this one is the year of Efron's paper

AT_ONCE = 2_000_000  # weights that are held in memory together: 16 MB

Statistic = Callable[[F64], F64]
"""`(R, N)` weights to `(R,)` or `(R, K)` figures; NaN where a resample leaves one undefined."""

Wanted = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies in 95 % of the resamples.

    Attributes:
        low, high: its ends.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


def with_interval(value: float, between: Interval | None) -> str:
    """A figure for people; without an interval where it was stored before there was one."""
    return f"{value:.3f}" if between is None else f"{value:.3f} (95 %: {between})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the figure; None where the rows leave it undefined, as a correlation with a constant.
        interval: by bootstrap over the rows; None where the value is, or where no resample
            leaves the figure defined.
    """

    value: float | None
    interval: Interval | None

    @classmethod
    def of(cls, value: float, resampled: F64) -> Estimate:
        """From the figure and `(R,)` resamples of it."""
        if not math.isfinite(value):
            return cls(None, None)
        return cls(float(value), interval(resampled) if np.isfinite(resampled).any() else None)

    def __str__(self) -> str:
        if self.value is None:
            return "undefined"
        if self.interval is None:
            return f"{self.value:.3f} (too few rows for an interval)"
        return with_interval(self.value, self.interval)


def interval(resampled: F64) -> Interval:
    """The middle 95 % of `(R,)` resampled figures; undefined ones are left out.

    Raises:
        DataError: all of them are undefined.
    """
    defined = resampled[np.isfinite(resampled)]
    if not len(defined):
        raise DataError(
            "an interval needs resamples in which its figure is defined, but there is none; "
            "measure more rows"
        )
    low, high = np.quantile(defined, ENDS)
    return Interval(float(low), float(high))


def resample(statistic: Statistic, counts: int | Counts, *, resamples: int = RESAMPLES) -> F64:
    """A statistic of each resample, the same for the same rows.

    Args:
        statistic: is called with some of the resamples at a time.
        counts: how many rows there are; or `(N,)`, how many each group of rows that are alike has.
        resamples: R.

    Returns:
        `(R,)` or `(R, K)`, as the statistic gives it.
    """
    return np.concatenate([statistic(weights) for weights in _weights(counts, resamples)])


def every_row(statistic: Statistic, counts: int | Counts) -> F64:
    """The statistic of the rows themselves: one number, or `(K,)`."""
    weights = np.ones(counts) if isinstance(counts, int) else counts.astype(np.float64)
    found: F64 = statistic(weights[None])[0]
    return found


def _weights(counts: int | Counts, resamples: int) -> Iterator[F64]:
    """`(R, N)` weights in parts; how they are parted changes no number."""
    generator = np.random.default_rng(SEED)
    groups = counts if isinstance(counts, int) else len(counts)
    step = max(1, AT_ONCE // max(1, groups))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if isinstance(counts, int):
            # Far faster than a multinomial draw, which takes a binomial one for each row.
            drawn = (generator.integers(counts, size=counts) for _ in range(size))
            yield np.array([np.bincount(one, minlength=counts) for one in drawn], dtype=np.float64)
        else:
            rows = int(counts.sum())
            yield generator.multinomial(rows, counts / rows, size=size).astype(np.float64)


def group_sums(weights: F64, groups: Counts, size: int) -> F64:
    """Sums of the weights of each group.

    Args:
        weights: `(R, N)`.
        groups: `(N,)` from 0 to size - 1.
        size: G, the number of groups; one may have no member.

    Returns:
        `(R, G)`.
    """
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((len(weights), size))
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


@dataclass(frozen=True, slots=True)
class Difference:
    """How one figure of two models differs on the same rows.

    Attributes:
        figure: its name.
        first, second: of each model.
        difference: first less second.
        interval: of the difference; both models are measured on the same resamples, so that what
            is hard for both does not widen it.
        wanted: whether more or less of the figure is better.
        rows: how many rows both were measured on.
    """

    figure: str
    first: float
    second: float
    difference: float
    interval: Interval
    wanted: Wanted
    rows: int

    @property
    def better(self) -> Literal["first", "second", "neither"]:
        """Which is better, where 0 lies outside the interval."""
        if self.interval.low <= 0 <= self.interval.high:
            return "neither"
        higher = self.interval.low > 0
        return "first" if higher == (self.wanted == "more") else "second"

    def in_words(self) -> str:
        """The figures: `+0.021 (95 %: +0.004 to +0.038)`."""
        return (
            f"{self.difference:+.3f} (95 %: {self.interval.low:+.3f} to {self.interval.high:+.3f})"
        )

    def verdict(self, first: str, second: str) -> str:
        """What may be concluded.

        Args:
            first, second: what the models are called.
        """
        if self.better == "neither":
            return (
                f"no difference in {self.figure} can be told between {first} and {second} on "
                f"{self.rows:,} rows: {self.in_words()} holds 0"
            )
        better, other = (first, second) if self.better == "first" else (second, first)
        return f"{better} is better than {other} in {self.figure}: {self.in_words()}"


def differences(
    named: Sequence[tuple[str, Wanted]],
    first: Statistic,
    second: Statistic,
    rows: int,
    *,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Paired differences of two models measured on the same rows.

    Args:
        named: K names, and whether more or less is better.
        first, second: give `(R, K)` figures for `(R, N)` weights of the rows.
        rows: N.
        resamples: R.

    Raises:
        DataError: there are no rows.
    """
    if rows < 1:
        raise DataError("two models are compared on the same rows, but there are none")
    ours, theirs = every_row(first, rows), every_row(second, rows)
    resampled = resample(
        lambda weights: first(weights) - second(weights), rows, resamples=resamples
    )
    return tuple(
        Difference(
            figure=name,
            first=float(ours[place]),
            second=float(theirs[place]),
            difference=float(ours[place] - theirs[place]),
            interval=interval(resampled[:, place]),
            wanted=wanted,
            rows=rows,
        )
        for place, (name, wanted) in enumerate(named)
        if np.isfinite(ours[place] - theirs[place])
    )


def mean_differences(
    named: Sequence[tuple[str, Wanted]], first: F64, second: F64, *, resamples: int = RESAMPLES
) -> tuple[Difference, ...]:
    """Paired differences of figures that are means over rows (or queries, or questions).

    Args:
        named: K names, and whether more or less is better.
        first, second: `(N, K)` the figures of each row.
        resamples: R.

    Raises:
        DataError: there are no rows, or not as many of both.
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != len(named):
        raise DataError(
            f"two models are compared on the same rows by {len(named)} figures each, but their "
            f"figures have the shapes {first.shape} and {second.shape}"
        )
    rows = len(first)
    return differences(
        named,
        lambda weights: weights @ first / rows,
        lambda weights: weights @ second / rows,
        rows,
        resamples=resamples,
    )
