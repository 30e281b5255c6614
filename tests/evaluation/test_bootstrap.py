"""The bootstrap against resampling by hand and against theory; differences there and not there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from unmask.errors import DataError
from unmask.evaluation import bootstrap
from unmask.evaluation.bootstrap import (
    Difference,
    Estimate,
    Interval,
    differences,
    every_row,
    group_sums,
    interval,
    mean_differences,
    resample,
)
from unmask.evaluation.told import Told


def test_resamples_are_rows_drawn_with_replacement() -> None:
    values = np.random.default_rng(0).normal(size=37)
    seen: list[np.ndarray] = []

    def mean(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return weights @ values / len(values)

    found = resample(mean, len(values), resamples=400)
    weights = np.concatenate(seen)
    assert weights.shape == (400, 37)
    assert (weights.sum(1) == 37).all()
    assert (weights == weights.round()).all()
    by_hand = [np.repeat(values, row.astype(int)).mean() for row in weights]
    assert found == pytest.approx(by_hand)
    # The spread of a mean: sigma / sqrt(N).
    assert found.std() == pytest.approx(values.std() / math.sqrt(37), rel=0.1)


def test_parts_in_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(10.0)
    for counts in (10, np.arange(1, 11)):
        whole = resample(lambda weights: weights @ values, counts, resamples=50)
        monkeypatch.setattr(bootstrap, "AT_ONCE", 70)
        parts = resample(lambda weights: weights @ values, counts, resamples=50)
        monkeypatch.undo()
        assert np.array_equal(whole, parts)


def test_groups_of_like_rows_are_drawn_as_rows_are() -> None:
    counts = np.array([70, 30])
    shares = resample(lambda weights: weights[:, 0] / weights.sum(1), counts, resamples=4000)
    assert shares.mean() == pytest.approx(0.7, abs=0.01)
    assert shares.std() == pytest.approx(math.sqrt(0.7 * 0.3 / 100), rel=0.1)
    assert every_row(lambda weights: weights @ np.array([1.0, 0.0]), counts) == 70.0


def test_sums_by_group() -> None:
    weights = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]])
    sums = group_sums(weights, np.array([2, 0, 2, 0]), 4)
    assert sums.tolist() == [[6.0, 0.0, 4.0, 0.0], [2.0, 0.0, 0.0, 0.0]]
    assert group_sums(weights[:, :0], np.zeros(0, dtype=np.int64), 2).tolist() == [[0, 0], [0, 0]]


def test_figures_of_weighted_rows_are_those_of_repeated_rows() -> None:
    dice = np.random.default_rng(3)
    for _ in range(30):
        true, guessed = dice.integers(0, 5, 14), dice.integers(0, 5, 14)
        weights = dice.multinomial(14, np.full(14, 1 / 14))
        again_true, again_guessed = np.repeat(true, weights), np.repeat(guessed, weights)
        found = Told(true, guessed)(weights[None].astype(float))[0]
        expected = [
            accuracy_score(again_true, again_guessed),
            f1_score(again_true, again_guessed, average="macro", zero_division=0.0),
            matthews_corrcoef(again_true, again_guessed),
        ]
        assert found == pytest.approx(expected)
        grouped, counts = Told.grouped(true, guessed)
        assert every_row(grouped, counts) == pytest.approx(
            [
                accuracy_score(true, guessed),
                f1_score(true, guessed, average="macro", zero_division=0.0),
                matthews_corrcoef(true, guessed),
            ]
        )


def test_undefined_resamples_are_left_out_and_undefined_figures_said() -> None:
    assert interval(np.array([np.nan, 1.0, 1.0])) == Interval(1.0, 1.0)
    with pytest.raises(DataError, match="there is none; measure more rows"):
        interval(np.array([np.nan]))
    estimate = Estimate.of(math.nan, np.array([np.nan]))
    assert estimate == Estimate(None, None)
    assert str(estimate) == "undefined"
    assert str(Estimate.of(0.5, np.array([0.25, 0.75]))) == "0.500 (95 %: 0.263 to 0.738)"


def paired(shift: float, rows: int = 400) -> tuple[Difference, ...]:
    dice = np.random.default_rng(5)
    hard = dice.normal(size=(rows, 1))
    first, second = (hard + 0.1 * dice.normal(size=(rows, 1)) for _ in range(2))
    return mean_differences([("loss", "less")], first + shift, second)


def test_differences_are_paired() -> None:
    (worse,) = paired(0.05)
    assert worse.difference == pytest.approx(0.05, abs=0.02)
    # Unpaired, the spread would be 0.1 each way; what is hard for both does not count.
    assert worse.interval.high - worse.interval.low < 0.04
    assert worse.better == "second"
    assert worse.verdict("A", "B").startswith("B is better than A in loss: +0.0")
    (alike,) = paired(0.0)
    assert alike.better == "neither"
    assert "no difference in loss can be told between A and B on 400 rows" in alike.verdict(
        "A", "B"
    )
    (better,) = paired(-0.05)
    assert (better.better, better.verdict("A", "B")[:16]) == ("first", "A is better than")


def test_more_is_better_where_that_is_said() -> None:
    first, second = np.ones((50, 1)), np.zeros((50, 1))
    (found,) = mean_differences([("recall", "more")], first, second)
    assert (found.better, found.interval) == ("first", Interval(1.0, 1.0))
    (same,) = mean_differences([("recall", "more")], first, first)
    assert (same.better, same.difference) == ("neither", 0.0)


def test_equal_models_are_rarely_told_apart() -> None:
    dice = np.random.default_rng(7)
    told = 0
    for _ in range(200):
        first, second = dice.random((2, 100, 1)) < 0.7
        (found,) = mean_differences(
            [("accuracy", "more")], first.astype(float), second.astype(float), resamples=300
        )
        told += found.better != "neither"
    assert told / 200 <= 0.1


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match=r"shapes \(3, 1\) and \(4, 1\)"):
        mean_differences([("a", "more")], np.ones((3, 1)), np.ones((4, 1)))
    with pytest.raises(DataError, match="there are none"):
        differences([("a", "more")], lambda w: w, lambda w: w, 0)
