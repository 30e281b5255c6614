"""Intervals over paired seeds, and verdicts from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unmask.claims.effects import Estimate, together
from unmask.errors import ConfigError


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    from scipy.stats import ttest_1samp

    differences = [0.1, 0.3, 0.2, 0.25, 0.05]
    found = Estimate.of(differences)
    truth = ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high))
    assert found.mean == pytest.approx(0.18)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0)
    found = [Estimate.of(draws.normal(0.5, 1.0, 5).tolist()) for _ in range(2000)]
    covered = np.mean([one.low <= 0.5 <= one.high for one in found])
    assert 0.93 < covered < 0.97


def test_what_could_have_been_told_is_told_by_four_runs_of_five() -> None:
    draws = np.random.default_rng(0)
    usual = np.mean([Estimate.of(draws.normal(0, 1.0, 5).tolist()).resolves for _ in range(2000)])
    found = [Estimate.of(draws.normal(usual, 1.0, 5).tolist()).says(0.0) for _ in range(2000)]
    assert 0.75 < np.mean([one == "holds" for one in found]) < 0.85


@pytest.mark.parametrize(
    ("beyond", "says"), [(0.0, "holds"), (0.18, "undecided"), (0.5, "does not hold")]
)
def test_the_verdict_is_by_the_interval(beyond: float, says: str) -> None:
    assert Estimate.of([0.1, 0.3, 0.2, 0.25, 0.05]).says(beyond) == says


def test_one_seed_decides_nothing() -> None:
    found = Estimate.of([3.0])
    assert found.says(0.0) == "undecided"
    assert math.isinf(found.resolves)
    with pytest.raises(ConfigError, match="needs a seed"):
        Estimate.of([])


def test_a_claim_holds_when_all_its_effects_do() -> None:
    assert together(["holds", "holds"]) == "holds"
    assert together(["holds", "undecided"]) == "undecided"
    assert together(["undecided", "does not hold"]) == "does not hold"
