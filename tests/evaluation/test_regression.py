"""Figures of numbers against scikit-learn and scipy, also on repeated rows, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from unmask.errors import DataError
from unmask.evaluation.regression import RegressionFigures, _Near, compare_numbers


def theirs(true: np.ndarray, guessed: np.ndarray) -> list[float]:
    return [
        mean_absolute_error(true, guessed),
        root_mean_squared_error(true, guessed),
        r2_score(true, guessed),
        pearsonr(true, guessed).statistic,
        spearmanr(true, guessed).statistic,
    ]


def drawn(seed: int, rows: int, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    true = dice.normal(size=rows).round(1) + offset  # rounded: some are equal
    return true, true + dice.normal(size=rows).round(1) * 0.5


def test_figures_counted_by_hand() -> None:
    (found,) = RegressionFigures.of([1.0, 2.0, 3.0], [1.0, 2.0, 6.0]).numbers  # type: ignore[arg-type]
    assert found.absolute_error.value == pytest.approx(1.0)
    assert found.squared_error.value == pytest.approx(3**0.5)
    assert found.r2.value == pytest.approx(1 - 9 / 2)
    assert found.spearman.value == pytest.approx(1.0)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("seed", range(5))
def test_figures_are_the_libraries_on_the_rows_and_on_repeated_ones(
    seed: int, offset: float
) -> None:
    true, guessed = drawn(seed, 25, offset)
    (found,) = RegressionFigures.of(true, guessed, resamples=20).numbers
    ours = (found.absolute_error, found.squared_error, found.r2, found.pearson, found.spearman)
    assert [one.value for one in ours] == pytest.approx(theirs(true, guessed))
    weights = np.random.default_rng(seed).multinomial(25, np.full(25, 1 / 25))
    figures = _Near.of(true, guessed)(np.stack([weights, np.ones(25)]).astype(float))
    again = (np.repeat(true, weights), np.repeat(guessed, weights))
    assert figures[0] == pytest.approx(theirs(*again), rel=1e-6)
    assert figures[1] == pytest.approx(theirs(true, guessed), rel=1e-6)


def test_intervals_hold_the_figures_and_cover_the_truth() -> None:
    true, guessed = drawn(0, 300)
    (found,) = RegressionFigures.of(true, guessed).numbers
    for one in (found.absolute_error, found.squared_error, found.r2, found.pearson, found.spearman):
        assert one.interval is not None
        assert one.value is not None
        assert one.interval.low < one.value < one.interval.high
    # Fisher's interval of a correlation: tanh(atanh(r) +- 1.96 / sqrt(N - 3)).
    r = found.pearson.value
    assert r is not None
    low, high = (np.tanh(np.arctanh(r) + side * 1.96 / 297**0.5) for side in (-1, 1))
    assert found.pearson.interval is not None
    assert (found.pearson.interval.low, found.pearson.interval.high) == pytest.approx(
        (low, high), abs=0.02
    )


def test_several_numbers_are_measured_each() -> None:
    true, guessed = drawn(1, 30)
    both = RegressionFigures.of(
        np.stack([true, -true], 1), np.stack([guessed, -true], 1), ("price", "age"), resamples=20
    )
    (alone,) = RegressionFigures.of(true, guessed, ("price",), resamples=20).numbers
    assert both.numbers[0] == alone
    assert both.numbers[1].absolute_error.value == 0.0
    assert "age: Pearson" in both.in_words()
    assert alone.pearson.value is not None
    assert both.mean("pearson") == pytest.approx((alone.pearson.value + 1) / 2)
    assert "R2" in RegressionFigures.of(true, guessed, resamples=5).in_words()


def test_what_is_undefined_is_said_to_be() -> None:
    (constant,) = RegressionFigures.of(np.arange(5.0), np.full(5, 0.3)).numbers
    assert constant.pearson.value is None
    assert constant.spearman.interval is None
    assert constant.r2.value is not None
    assert constant.in_words()["Pearson"] == "undefined"
    (flat,) = RegressionFigures.of(np.full(5, 0.1), np.arange(5.0)).numbers
    assert (flat.r2.value, flat.pearson.value) == (None, None)
    assert flat.absolute_error.value is not None
    (one,) = RegressionFigures.of(np.ones(1), np.ones(1)).numbers
    assert (one.absolute_error.value, one.pearson.value) == (0.0, None)


def test_two_models_on_the_same_rows() -> None:
    true, guessed = drawn(2, 200)
    found = {one.figure: one for one in compare_numbers(true, true, guessed)}
    assert set(found) == {
        "mean absolute error", "root mean squared error", "R2", "Pearson", "Spearman",
    }  # fmt: skip
    assert {one.better for one in found.values()} == {"first"}
    undefined = compare_numbers(true, np.zeros(200), guessed)
    assert {one.figure for one in undefined} == {
        "mean absolute error", "root mean squared error", "R2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("truth", "guesses", "words"),
    [
        ([], [], r"needs rows of numbers"),
        ([1.0], [1.0, 2.0], r"the shape \(1,\) and the guesses have \(2,\)"),
        ([1.0, np.nan], [1.0, 1.0], r"every truth must be a finite number, but row 2 has \[nan\]"),
        ([np.inf, 1.0, np.nan], [1.0] * 3, r"row 1 has \[inf\] and 1 more rows"),
        ([1.0, 1.0], [1.0, np.nan], "every guess must be .* the model is broken"),
    ],
)
def test_what_cannot_be_measured(truth: list[float], guesses: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        RegressionFigures.of(np.array(truth), np.array(guesses))


def test_names_and_single_numbers() -> None:
    with pytest.raises(DataError, match="2 numbers and 1 names"):
        RegressionFigures.of(np.ones((3, 2)), np.ones((3, 2)), ("a",))
    with pytest.raises(DataError, match="compare each by itself"):
        compare_numbers(np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 2)))
