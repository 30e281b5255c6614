"""Figures over seeds: the interval by hand, and which fields of figures are figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from unmask.evaluation.bootstrap import Difference, Estimate, Interval
from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.embedding import EmbeddingFigure, EmbeddingFigures
from unmask.evaluation.regression import RegressionFigures
from unmask.evaluation.seeds import Spread, numbers_in, spreads


def test_the_interval_is_students_over_the_seeds() -> None:
    """Three values with a standard deviation of 0.1: 4.303 (t of two degrees) x 0.1 / sqrt(3)."""
    spread = Spread.of("accuracy", (0.7, 0.8, 0.9))
    assert spread.mean == pytest.approx(0.8)
    assert (spread.low, spread.high) == (
        pytest.approx(0.8 - 0.24842, abs=1e-4),
        pytest.approx(0.8 + 0.24842, abs=1e-4),
    )
    assert str(spread) == "0.800 (95 % over seeds: 0.552 to 1.048; 0.700 0.800 0.900)"


def test_one_seed_has_no_interval() -> None:
    spread = Spread.of("accuracy", (0.7,))
    assert (spread.low, spread.high, str(spread)) == (None, None, "0.700")


def test_two_seeds_are_too_few_for_an_interval() -> None:
    """Student's t of one degree of freedom is 12.7."""
    spread = Spread.of("accuracy", (0.8, 0.84))
    assert (spread.mean, spread.low, spread.high) == (pytest.approx(0.82), None, None)
    assert str(spread) == "0.820 (0.800 0.840; an interval takes 3 seeds)"
    assert str(Spread.of("before", (0.5, 0.5, 0.5))) == "0.500 at each seed"


def test_figures_of_vectors_keep_what_was_before_and_what_was_gained() -> None:
    now, was = Estimate(0.9, Interval(0.8, 1.0)), Estimate(0.7, Interval(0.6, 0.8))
    gain = Difference("nDCG@10", 0.9, 0.7, 0.2, Interval(0.1, 0.3), "more", 9)
    figures = EmbeddingFigures(
        9, 9, None,
        figures=(EmbeddingFigure("nDCG@10", 64, now, was), EmbeddingFigure("MAP", 64, now)),
        cut=(EmbeddingFigure("nDCG@10", 16, was, was),),
        gain=gain,
    )  # fmt: skip
    assert dict(numbers_in(figures)) == {
        "nDCG@10": 0.9, "nDCG@10 before": 0.7, "MAP": 0.9, "nDCG@10 of 16 numbers": 0.7,
        "nDCG@10 of 16 numbers before": 0.7, "nDCG@10 gained": 0.2,
    }  # fmt: skip


def test_shares_are_figures_and_counts_and_tables_are_not() -> None:
    truth = ["a", "b", "a", "b"]
    figures = [
        ClassificationFigures.of(truth, guesses, ("a", "b"), resamples=2)
        for guesses in (truth, ["a", "a", "a", "b"])
    ]
    found = {one.name: one for one in spreads(figures)}
    assert {"accuracy", "macro_f1", "matthews"} <= found.keys()
    assert not {"rows", "labels", "confusion", "accuracy_interval"} & found.keys()
    assert found["accuracy"].values == (1.0, 0.75)


def test_each_of_several_numbers_has_its_name_before_its_figures() -> None:
    truth = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, 6.0]])
    two = dict(numbers_in(RegressionFigures.of(truth, truth, ("low", "high"), resamples=2)))
    assert two["low pearson"] == pytest.approx(1.0)
    assert two["high spearman"] == pytest.approx(1.0)
    one = dict(numbers_in(RegressionFigures.of(truth[:, :1], truth[:, :1], resamples=2)))
    assert one["squared_error"] == 0.0


@dataclass
class Some:
    figure: Estimate
    threshold: float | None = 0.5


def test_what_is_undefined_at_a_seed_is_left_out_and_a_threshold_is_no_figure() -> None:
    known = Some(Estimate(0.5, Interval(0.4, 0.6)))
    assert [one.name for one in spreads([known, known])] == ["figure"]
    assert spreads([known, Some(Estimate(None, None))]) == ()
