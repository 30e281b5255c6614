"""How far probabilities can be relied on: log loss, calibration error, and the curve behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from unmask.errors import DataError
from unmask.evaluation.bootstrap import (
    F64,
    LEVEL,
    RESAMPLES,
    SEED,
    Counts,
    Estimate,
    Interval,
    Wanted,
    every_row,
    interval,
    resample,
)

BINS = 15  # of equal width, as Guo et al. (2017) have them
LEAST = float(np.finfo(np.float64).eps)  # a probability of 0 counts as this, as in scikit-learn
NEAR = 1e-9  # k / BINS * BINS may come out a little above k
SUM_OFF = 1e-3  # by which the probabilities of a row may miss 1: half precision comes to that


@dataclass(frozen=True, slots=True)
class Shares:
    """The two probabilities of each row that figures are made of.

    Attributes:
        of_guess, of_truth: `(N,)` of the label that was guessed, and of the true one.
    """

    of_guess: F64
    of_truth: F64

    @classmethod
    def of(cls, true: Counts, guessed: Counts, probabilities: F64, labels: int) -> Shares:
        """Out of the probabilities of all labels.

        Args:
            true, guessed: `(N,)` numbers of labels.
            probabilities: `(N, C)`, rows of which sum to 1.
            labels: C.

        Raises:
            DataError: the shape is another, or a row holds no probabilities.
        """
        shares, rows = _checked(probabilities, len(true), labels), np.arange(len(true))
        return cls(shares[rows, guessed], shares[rows, true])


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows whose guess has a probability between two bounds.

    Attributes:
        low, high: the bounds; the upper one belongs to the bin.
        rows: how many.
        confidence: mean probability of their guesses; None without rows.
        accuracy: share of their guesses that are right; None without rows.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class ConfidenceFigures:
    """How far the probabilities of a classifier can be relied on.

    Attributes:
        log_loss: mean of -ln of the true label's probability, in nats.
        calibration_error: expected calibration error (Naeini et al. 2015): how far, on average over
            the rows, the share of right guesses of a bin is from their mean probability; in bins of
            equal width. Scatter raises it, the more so the fewer the rows; its interval is
            corrected for that.
        bins: of the calibration error, from the lowest probability up.
    """

    log_loss: Estimate
    calibration_error: Estimate
    bins: tuple[Bin, ...]

    @classmethod
    def of(
        cls, right: npt.NDArray[np.bool_], shares: Shares, resamples: int = RESAMPLES
    ) -> ConfidenceFigures:
        """Figures of probabilities.

        Args:
            right: `(N,)` whether each guess is.
            shares: the probabilities.
            resamples: of the bootstrap.
        """
        confidence = Confidence.of(right, shares)
        resampled = resample(confidence, len(right), resamples=resamples)
        loss, error = (float(value) for value in every_row(confidence, len(right)))
        around = _error_interval(error, resampled[:, 1], confidence.if_calibrated(resamples))
        return cls(
            log_loss=Estimate.of(loss, resampled[:, 0]),
            calibration_error=Estimate(error, around),
            bins=confidence.bins(),
        )

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        return {
            "log loss": str(self.log_loss),
            "calibration error": f"{self.calibration_error}, in {len(self.bins)} equal-width bins",
        }


@dataclass(frozen=True, slots=True)
class Confidence:
    """Log loss and calibration error for weights of the rows.

    Attributes:
        losses: `(N,)` -ln of the true label's probability.
        confidences: `(N,)` the guess's probability.
        right: `(N,)` 1 where the guess is right, else 0.
        places: `(N,)` the bin of each row.
    """

    losses: F64
    confidences: F64
    right: F64
    places: Counts

    NAMED: ClassVar[tuple[tuple[str, Wanted], ...]] = (
        ("log loss", "less"),
        ("calibration error", "less"),
    )

    @classmethod
    def of(cls, right: npt.NDArray[np.bool_], shares: Shares) -> Confidence:
        """From `(N,)` whether each guess is right, and the probabilities."""
        # A bin holds its upper bound, so that a share of 1 lies in the last one.
        bins = np.ceil(shares.of_guess * BINS - NEAR).astype(np.int64) - 1
        losses = -np.log(np.clip(shares.of_truth, LEAST, 1.0))
        hits = right.astype(np.float64)
        return cls(losses, shares.of_guess, hits, np.clip(bins, 0, BINS - 1))

    def __call__(self, weights: F64) -> F64:
        """`(R, N)` weights to `(R, 2)` figures, in the order of `NAMED`."""
        gaps = self._by_bin(self.right - self.confidences)
        rows = weights.sum(1)
        error = np.abs(weights @ gaps).sum(1) / rows
        return np.stack([weights @ self.losses / rows, error], axis=1)

    def if_calibrated(self, resamples: int) -> F64:
        """`(R,)` calibration errors of rows whose guesses are right by their probability.

        Such rows show what scatter alone comes to (Broecker and Smith 2007).
        """
        generator = np.random.default_rng(SEED)
        errors = np.empty(resamples)
        inside = self._by_bin(np.ones(len(self.places)))
        for place in range(resamples):
            right = generator.random(len(self.places)) < self.confidences
            errors[place] = np.abs((right - self.confidences) @ inside).sum()
        return errors / len(self.places)

    def _by_bin(self, values: F64) -> F64:
        """`(N, BINS)`: each row's value in the column of its bin, else 0."""
        spread = np.zeros((len(self.places), BINS))
        spread[np.arange(len(self.places)), self.places] = values
        return spread

    def bins(self) -> tuple[Bin, ...]:
        """All of them, also those without rows."""
        edges = np.linspace(0.0, 1.0, BINS + 1)
        found = []
        for place in range(BINS):
            inside = self.places == place
            any_row = bool(inside.any())
            found.append(
                Bin(
                    float(edges[place]),
                    float(edges[place + 1]),
                    int(inside.sum()),
                    float(self.confidences[inside].mean()) if any_row else None,
                    float(self.right[inside].mean()) if any_row else None,
                )
            )
        return tuple(found)


def _error_interval(error: float, resampled: F64, calibrated: F64) -> Interval:
    """The interval of a calibration error.

    Scatter raises the error of the rows, and that of a resample once more, so that the middle 95 %
    of the resamples can lie above the truth altogether. They are moved down: the upper end by what
    resampling adds, the lower end by twice that. Where a calibrated model would come to as much by
    scatter alone, the lower end is 0. In simulation these intervals cover the truth in 89 to 99 %
    of samples of 100 to 2,000 rows; a test repeats some of it.
    """
    plain, added = interval(resampled), float(resampled.mean()) - error
    scatter = float(np.quantile(calibrated, (1 + LEVEL) / 2))
    low = 0.0 if error <= scatter else min(error, max(0.0, plain.low - 2 * added))
    return Interval(low, max(error, plain.high - added))


def _checked(probabilities: F64, rows: int, labels: int) -> F64:
    """Probabilities `(N, C)` as float64, each row divided by its sum.

    Raises:
        DataError: the shape is another, or a row holds something that is no probability or does
            not sum to 1.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.shape != (rows, labels):
        raise DataError(
            f"probabilities must have one row for each of {rows} rows and one column for each of "
            f"{labels} labels, but they have the shape {shares.shape}"
        )
    sums = shares.sum(1)
    # NaN fails every comparison, so it is what is not fine that is looked for.
    fine = (shares >= 0).all(1) & (np.abs(sums - 1) <= SUM_OFF)
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise DataError(
            "the probabilities of a row must lie between 0 and 1 and sum to 1, but those of row "
            f"{row + 1} have the least {shares[row].min():g} and the sum {sums[row]:g}"
        )
    scaled: F64 = shares / sums[:, None]
    return scaled
