"""Scores as probabilities: the true slope and offset are found, and chance is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from unmask.errors import DataError
from unmask.evaluation.platt import Platt


def rows(count: int, slope: float, offset: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Logits whose true probabilities come from a slope and an offset."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(1.0, 3.0, count)
    truth = (generator.random(count) < expit(slope * logits + offset)).astype(np.float64)
    return logits, truth


@pytest.mark.parametrize(("slope", "offset"), [(0.4, -1.0), (3.0, 2.0), (0.05, 0.3), (1.0, -2.0)])
def test_what_the_rows_were_made_with_is_found(slope: float, offset: float) -> None:
    logits, truth = rows(40_000, slope, offset)
    found = Platt.fit(logits, truth)
    assert found.told == "fitted"
    assert found.slope == pytest.approx(slope, rel=0.06, abs=0.01)
    assert found.offset == pytest.approx(offset, abs=0.1)
    assert found.after < found.before
    regression = LogisticRegression(C=1e9, tol=1e-8).fit(logits[:, None], truth)
    assert found.slope == pytest.approx(float(regression.coef_[0, 0]), rel=0.01)
    assert found.offset == pytest.approx(float(regression.intercept_[0]), abs=0.01)
    np.testing.assert_allclose(
        found(logits), regression.predict_proba(logits[:, None])[:, 1], atol=0.005
    )


def test_scores_of_any_size_are_served() -> None:
    for scale in (1e-3, 1e3):
        logits, truth = rows(20_000, 1.0, 0.5)
        found = Platt.fit(logits * scale, truth)
        assert found.slope * scale == pytest.approx(1.0, rel=0.1)


def test_good_probabilities_stay_as_they_are() -> None:
    told = [Platt.fit(*rows(300, 1.0, 0.0, seed)).told for seed in range(40)]
    assert told.count("chance") > 33  # 95 % of them
    found = Platt.fit(*rows(300, 1.0, 0.0))
    assert (found.slope, found.offset) == (1.0, 0.0)
    assert "left as they are" in found.in_words()


def test_rows_that_are_all_told_apart_do_not_make_it_sure_of_itself() -> None:
    logits = np.array([-1.0, -0.9, 0.9, 1.0] * 50)
    truth = (logits > 0).astype(np.float64)
    found = Platt.fit(logits, truth)
    assert 0.95 < found(np.array([1.0]))[0] < 0.9999
    assert found.after < found.before


def test_what_is_all_told_apart_is_as_sure_as_its_rows_are_many() -> None:
    """Of two scores, the fit gives the paper's targets: (n + 1) / (n + 2) and 1 / (m + 2)."""
    logits = np.array([2.0] * 100 + [-3.0] * 50)
    found = Platt.fit(logits, (logits > 0).astype(np.float64))
    assert found.told == "fitted"
    np.testing.assert_allclose(found(np.array([2.0, -3.0])), [101 / 102, 1 / 52], atol=1e-4)


@pytest.mark.parametrize("gap", [1e-6, 1e-3, 0.1])
def test_a_narrow_gap_between_the_kinds_makes_no_step_of_it(gap: float) -> None:
    """Without the targets the slope would end at the steepest that is looked at."""
    logits = np.concatenate([np.linspace(gap, 6.0, 100), np.linspace(-6.0, -gap, 100)])
    found = Platt.fit(logits, (logits > 0).astype(np.float64))
    assert (found.told, found.slope) == ("fitted", pytest.approx(2.1, abs=0.1))


def test_an_order_that_is_upside_down_is_kept() -> None:
    logits, truth = rows(2000, -1.0, 0.0)
    found = Platt.fit(logits, truth)
    assert found.slope > 0
    assert np.ptp(found(logits)) < 0.1  # the scores say nothing, and neither do they now


def test_rows_of_one_kind_say_nothing() -> None:
    found = Platt.fit(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert (found.told, found.slope, found.offset) == ("one kind", 1.0, 0.0)
    assert "all are relevant or none is" in found.in_words()


def test_what_cannot_be_calibrated() -> None:
    with pytest.raises(DataError, match="a logit and a label each"):
        Platt.fit(np.zeros(0), np.zeros(0))
    with pytest.raises(DataError, match="logits must be finite, but 1 are not"):
        Platt.fit(np.array([1.0, np.nan]), np.array([0.0, 1.0]))
