"""How near numbers come: errors, explained variance and correlations, with intervals.

R resamples, N rows, K numbers of each row.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import ConstantInputWarning, NearConstantInputWarning, pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from unmask.errors import DataError, shown
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Counts,
    Difference,
    Estimate,
    Wanted,
    differences,
    resample,
)

FLAT = 1e-12  # a spread below this share of the values' size is rounding


@dataclass(frozen=True, slots=True)
class NumberFigures:
    """How near the guesses of one number come.

    Attributes:
        name: of the number.
        absolute_error: mean of |guess - truth|, in the number's own unit.
        squared_error: root of the mean of (guess - truth)^2, in the same unit; large errors count
            more.
        r2: 1 - the mean squared error over the variance of the truth: 1 is perfect, 0 what the mean
            of these rows would come to, below 0 worse than that. Undefined where all truth is one
            number.
        pearson: correlation of the values. Undefined where truth or guesses are one number.
        spearman: correlation of their ranks, equal ones sharing the mean of theirs.
    """

    name: str
    absolute_error: Estimate
    squared_error: Estimate
    r2: Estimate
    pearson: Estimate
    spearman: Estimate

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        return {
            "mean absolute error": str(self.absolute_error),
            "root mean squared error": str(self.squared_error),
            "R2": str(self.r2),
            "Pearson": str(self.pearson),
            "Spearman": str(self.spearman),
        }


@dataclass(frozen=True, slots=True)
class RegressionFigures:
    """How near guesses of one or several numbers come.

    Attributes:
        rows: N.
        numbers: one for each of the K.
    """

    rows: int
    numbers: tuple[NumberFigures, ...]

    @classmethod
    def of(
        cls,
        truth: F64,
        guesses: F64,
        names: Sequence[str] = (),
        *,
        resamples: int = RESAMPLES,
    ) -> RegressionFigures:
        """Figures of guesses.

        Args:
            truth, guesses: `(N,)` or `(N, K)` finite numbers.
            names: K names; numbered without them.
            resamples: of the bootstrap.

        Raises:
            DataError: there are no rows, not as many guesses or names as numbers, or one is not
                finite.
        """
        true, guessed = _pair(truth, guesses)
        names = names or tuple(f"number {place + 1}" for place in range(true.shape[1]))
        if len(names) != true.shape[1]:
            raise DataError(
                f"each number of a row needs a name, but there are {true.shape[1]} numbers and "
                f"{len(names)} names"
            )
        numbers = tuple(
            _number(name, true[:, place], guessed[:, place], resamples)
            for place, name in enumerate(names)
        )
        return cls(len(true), numbers)

    def mean(self, figure: str) -> float:
        """The mean over the numbers of a figure, such as "pearson"; an undefined one counts as 0.

        For choosing among checkpoints, where one number has to stand for all.
        """
        values = [getattr(number, figure).value or 0.0 for number in self.numbers]
        return float(np.mean(values))

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people; each number's own where there are several."""
        rows = {"rows": f"{self.rows:,}"}
        if len(self.numbers) == 1:
            return {**rows, **self.numbers[0].in_words()}
        each = {
            f"{number.name}: {figure}": value
            for number in self.numbers
            for figure, value in number.in_words().items()
        }
        return {**rows, **each}


def compare_numbers(
    truth: F64, first: F64, second: F64, *, resamples: int = RESAMPLES
) -> tuple[Difference, ...]:
    """Paired differences of two models that guessed one number of each of the same rows.

    Args:
        truth, first, second: `(N,)` finite numbers.
        resamples: of the bootstrap.

    Returns:
        Of each figure that is defined for both.

    Raises:
        DataError: as `RegressionFigures.of`, or there are several numbers a row.
    """
    sides = []
    for guesses in (first, second):
        true, guessed = _pair(truth, guesses)
        if true.shape[1] != 1:
            raise DataError(
                f"models are compared on one number of each row, but there are {true.shape[1]}; "
                "compare each by itself"
            )
        sides.append(_Near.of(true[:, 0], guessed[:, 0]))
    one, other = sides
    return differences(_Near.NAMED, one, other, len(truth), resamples=resamples)


def _number(name: str, true: F64, guessed: F64, resamples: int) -> NumberFigures:
    resampled = resample(_Near.of(true, guessed), len(true), resamples=resamples)
    flat, constant = _is_flat(true), _is_flat(true) or _is_flat(guessed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearConstantInputWarning)
        warnings.simplefilter("ignore", ConstantInputWarning)
        values = (
            mean_absolute_error(true, guessed),
            root_mean_squared_error(true, guessed),
            np.nan if flat else r2_score(true, guessed),
            np.nan if constant else pearsonr(true, guessed).statistic,
            np.nan if constant else spearmanr(true, guessed).statistic,
        )
    return NumberFigures(
        name, *(Estimate.of(float(one), resampled[:, k]) for k, one in enumerate(values))
    )


def _is_flat(values: F64) -> bool:
    return bool(values.std() <= FLAT * max(1.0, float(np.abs(values).max())))


@dataclass(frozen=True, slots=True)
class _Near:
    """The figures for weights of the rows.

    Attributes:
        features: `(N, 7)` what their sums are made of: absolute and squared error, truth, guess,
            their squares and their product, the last five around their means.
        ranks: the same numbers in order of size, of truth and of guesses.
    """

    features: F64
    ranks: tuple[_Ranks, _Ranks]

    NAMED: ClassVar[tuple[tuple[str, Wanted], ...]] = (
        ("mean absolute error", "less"),
        ("root mean squared error", "less"),
        ("R2", "more"),
        ("Pearson", "more"),
        ("Spearman", "more"),
    )

    @classmethod
    def of(cls, true: F64, guessed: F64) -> _Near:
        off = guessed - true
        # Around their means, so that sums of squares lose no digits to a large common part.
        t, g = true - true.mean(), guessed - guessed.mean()
        features = np.stack([np.abs(off), off**2, t, g, t**2, g**2, t * g], axis=1)
        return cls(features, (_Ranks.of(true), _Ranks.of(guessed)))

    def __call__(self, weights: F64) -> F64:
        """`(R, N)` weights to `(R, 5)` figures, in the order of `NAMED`."""
        rows = weights.sum(1)
        sums = (weights @ self.features) / rows[:, None]
        absolute, squared, t, g, tt, gg, tg = sums.T
        spread = tt - t**2
        flat = spread <= FLAT * np.maximum(tt, np.finfo(np.float64).tiny)
        r2 = np.where(flat, np.nan, 1 - squared / np.where(flat, 1.0, spread))
        pearson = _correlation(tt - t**2, gg - g**2, tg - t * g, tt, gg)
        first, second = (ranks(weights) for ranks in self.ranks)
        # The mean of N ranks is (N + 1) / 2, with and without equal ones.
        first, second = (one - (rows[:, None] + 1) / 2 for one in (first, second))
        own, others = (weights * first**2).sum(1), (weights * second**2).sum(1)
        shared, whole = (weights * first * second).sum(1), rows**3
        spearman = _correlation(own, others, shared, whole, whole)
        return np.stack([absolute, np.sqrt(squared), r2, pearson, spearman], axis=1)


def _correlation(first: F64, second: F64, both: F64, one: F64, other: F64) -> F64:
    """Covariance over the roots of two variances; NaN where one is 0 beside its size."""
    tiny = np.finfo(np.float64).tiny
    flat = (first <= FLAT * np.maximum(one, tiny)) | (second <= FLAT * np.maximum(other, tiny))
    return np.where(flat, np.nan, both / np.sqrt(np.where(flat, 1.0, first * second)))


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Ranks of numbers when each is counted several times.

    Attributes:
        order: `(N,)` rows from the least number to the greatest.
        starts: `(G,)` where in that order each of G different numbers begins.
        group: `(N,)` which of them each row has.
    """

    order: Counts
    starts: Counts
    group: Counts

    @classmethod
    def of(cls, values: F64) -> _Ranks:
        _, group = np.unique(values, return_inverse=True)
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(group.max() + 1))
        return cls(order, starts, group)

    def __call__(self, weights: F64) -> F64:
        """`(R, N)` ranks from 1, equal numbers sharing the mean of theirs."""
        held = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        upto = np.cumsum(held, axis=1)
        ranks: F64 = (upto - held + (held + 1) / 2)[:, self.group]
        return ranks


def _pair(truth: F64, guesses: F64) -> tuple[F64, F64]:
    """Both as `(N, K)` float64."""
    true, guessed = (np.asarray(one, dtype=np.float64) for one in (truth, guesses))
    if true.shape != guessed.shape or true.ndim not in (1, 2) or not true.size:
        raise DataError(
            "evaluation needs rows of numbers and a guess for each, but truth has the shape "
            f"{true.shape} and the guesses have {guessed.shape}"
        )
    true, guessed = (one.reshape(len(one), -1) for one in (true, guessed))
    finite(true, "truth", "remove the row or give it a number")
    finite(guessed, "guess", "the model is broken: train it with a lower learning rate")
    return true, guessed


def finite(numbers: F64, what: str, remedy: str) -> None:
    """Refuse numbers `(N, K)` that are none.

    Args:
        numbers: to check.
        what: what they are, for the message.
        remedy: what to do about it.

    Raises:
        DataError: one is NaN or infinite; the message has its row, counted from 1.
    """
    fine = np.isfinite(numbers).all(axis=1)
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        more = int((~fine).sum()) - 1
        raise DataError(
            f"every {what} must be a finite number, but row {row + 1} has "
            f"{shown(numbers[row].tolist())}{f' and {more} more rows are like it' * bool(more)}; "
            f"{remedy}"
        )
