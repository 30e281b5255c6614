"""Log loss and calibration error against scikit-learn, by hand, and for known probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from unmask.errors import DataError
from unmask.evaluation.confidence import BINS, ConfidenceFigures, Shares

TRUE = np.array([0, 0, 1, 1])
SHARES = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.0, 1.0]])
GUESSED = SHARES.argmax(1)


def figures(
    true: np.ndarray, guessed: np.ndarray, shares: np.ndarray, labels: int, resamples: int = 1000
) -> ConfidenceFigures:
    """From the probabilities of all labels."""
    return ConfidenceFigures.of(
        true == guessed, Shares.of(true, guessed, shares, labels), resamples
    )


def test_figures_counted_by_hand() -> None:
    found = figures(TRUE, GUESSED, SHARES, 2)
    assert found.log_loss.value == pytest.approx(log_loss(TRUE, SHARES))
    # Each row lies in a bin of its own: 0.1, 0.2 and 0.0 short of right, and 0.7 where wrong.
    assert found.calibration_error.value == pytest.approx((0.1 + 0.2 + 0.7 + 0.0) / 4)
    assert [one.rows for one in found.bins] == [0] * 10 + [1, 1, 0, 1, 1]
    assert found.bins[-1].confidence == found.bins[-1].accuracy == 1.0
    assert (found.bins[0].confidence, found.bins[0].accuracy) == (None, None)
    assert (found.bins[0].low, found.bins[-1].high, len(found.bins)) == (0.0, 1.0, BINS)


def test_bins_and_error_are_those_of_scikit_learns_calibration_curve() -> None:
    dice = np.random.default_rng(7)
    said = dice.uniform(0.5, 1.0, 500)
    right = dice.random(500) < said**2
    found = figures(
        np.where(right, 0, 1), np.zeros(500, dtype=np.int64), np.stack([said, 1 - said], 1), 2, 5
    )
    accuracy, confidence = calibration_curve(right, said, n_bins=BINS)
    filled = [one for one in found.bins if one.rows]
    assert [one.accuracy for one in filled] == pytest.approx(accuracy)
    assert [one.confidence for one in filled] == pytest.approx(confidence)
    rows = [one.rows for one in filled]
    error = np.average(np.abs(accuracy - confidence), weights=rows)
    assert found.calibration_error.value == pytest.approx(error)


def test_a_bin_holds_its_upper_bound() -> None:
    shares = np.full((1, 15), 1 / 15)
    found = figures(np.array([0]), np.array([0]), shares, 15)
    assert [one.rows for one in found.bins][:2] == [1, 0]


def drawn(dice: np.random.Generator, rows: int, off: float) -> ConfidenceFigures:
    """Figures of a model that says `off` more than its share of right guesses."""
    said = dice.uniform(0.6, 0.9, rows)
    right = dice.random(rows) < said - off
    shares = np.stack([said, 1 - said], axis=1)
    true = np.where(right, 0, 1)
    return figures(true, np.zeros(rows, dtype=np.int64), shares, 2, 200)


@pytest.mark.parametrize("off", [0.0, 0.08])
def test_the_interval_of_the_calibration_error_covers_the_truth(off: float) -> None:
    dice = np.random.default_rng(11)
    covered, plain = 0, 0.0
    for _ in range(100):
        error = drawn(dice, 400, off).calibration_error
        assert error.value is not None
        assert error.interval is not None
        assert error.interval.low <= error.value <= error.interval.high
        covered += error.interval.low <= off <= error.interval.high
        plain += error.value / 100
    assert plain > off  # scatter raises the figure, which the interval knows
    assert covered >= 88


def test_a_probability_of_nothing_costs_much_but_no_infinity() -> None:
    found = figures(np.array([0]), np.array([1]), np.array([[0.0, 1.0]]), 2)
    assert found.log_loss.value == pytest.approx(36.04, abs=0.01)


def test_half_precision_is_near_enough() -> None:
    shares = SHARES.astype(np.float16)
    assert figures(TRUE, GUESSED, shares, 2).log_loss.value == pytest.approx(
        log_loss(TRUE, SHARES), abs=1e-3
    )


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (SHARES[:3], r"each of 4 rows .* have the shape \(3, 2\)"),
        (SHARES[:, :1], r"each of 2 labels, but they have the shape \(4, 1\)"),
        (np.array([[0.5, 0.5]] * 3 + [[0.5, np.nan]]), "those of row 4 have"),
        (np.array([[0.5, 0.5], [-0.5, 1.5]] * 2), "row 2 have the least -0.5 and the sum 1$"),
        (np.array([[2.0, 3.0]] * 4), "row 1 have the least 2 and the sum 5"),
    ],
)
def test_what_is_no_probability(shares: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        figures(TRUE, GUESSED, shares, 2)
