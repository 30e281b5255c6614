"""Temperatures against a search by hand; thresholds against trying them all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import f1_score, log_loss

from unmask.errors import DataError
from unmask.evaluation.calibration import (
    Thresholds,
    many_label_temperature,
    one_label_temperature,
)


def drawn(factor: float, rows: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too large by a factor, and labels drawn by what they should be."""
    dice = np.random.default_rng(2)
    logits = dice.normal(size=(rows, 4)) * 1.5
    truth = np.array([dice.choice(4, p=row) for row in softmax(logits, axis=1)])
    return logits * factor, truth


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_the_temperature_is_found_and_the_loss_falls(factor: float) -> None:
    logits, truth = drawn(factor)
    found = one_label_temperature(logits, truth)
    assert found.told == "fitted"
    assert found.value == pytest.approx(factor, rel=0.1)
    assert found.after <= found.before
    assert found.before == pytest.approx(log_loss(truth, softmax(logits, axis=1)))
    assert found.after == pytest.approx(log_loss(truth, softmax(logits / found.value, axis=1)))
    tried = [log_loss(truth, softmax(logits / t, axis=1)) for t in np.geomspace(0.1, 10, 50)]
    assert found.after <= min(tried) + 1e-9
    assert ((logits / found.value).argmax(1) == logits.argmax(1)).all()
    assert f"a temperature of {found.value:.3f}" in found.in_words()


@pytest.mark.parametrize("seed", range(20))
def test_it_never_makes_the_loss_worse_nor_another_label_the_first(seed: int) -> None:
    dice = np.random.default_rng(seed)
    rows, labels = int(dice.integers(1, 30)), int(dice.integers(2, 6))
    logits = dice.normal(size=(rows, labels)) * float(dice.choice([0.01, 1.0, 50.0]))
    truth = dice.integers(0, labels, rows)
    found = one_label_temperature(logits, truth)
    assert found.after <= found.before
    assert 0.05 <= found.value <= 100.0
    assert ((logits / found.value).argmax(1) == logits.argmax(1)).all()


def test_few_rows_that_show_nothing_leave_it_at_one() -> None:
    for logits, truth in (drawn(1.0), tuple(part[:20] for part in drawn(1.3))):
        found = one_label_temperature(logits, truth)
        assert (found.value, found.told) == (1.0, "chance")
        assert found.after <= found.before
        assert "left as they are: a temperature of" in found.in_words()
    # The same factor, on enough rows.
    assert one_label_temperature(*drawn(1.3)).told == "fitted"


def test_a_temperature_helps_on_other_rows_or_does_nothing() -> None:
    logits, truth = drawn(1.0)
    worse = 0.0
    for begin in range(0, 3000, 30):
        part = slice(begin, begin + 30)
        found = one_label_temperature(logits[part], truth[part])
        rest = softmax(logits / found.value, axis=1)
        worse += log_loss(truth, rest) - log_loss(truth, softmax(logits, axis=1))
    # 30 rows at a time of a model that is calibrated: hardly any of them are fooled.
    assert worse / 100 < 0.005


def test_rows_that_are_all_right_leave_it_at_one() -> None:
    found = one_label_temperature(np.eye(3) * 2, np.arange(3))
    assert (found.value, found.told, found.before == found.after) == (1.0, "right", True)
    assert "all of 3 rows are right" in found.in_words()


def test_few_rows_that_are_nearly_all_right_leave_it_at_one() -> None:
    logits = np.array([[9.0, 0.0]] * 40 + [[0.0, 1e-4]])
    found = one_label_temperature(logits / 20, np.zeros(41, dtype=np.int64))
    assert (found.value, found.told) == (1.0, "coldest")
    assert found.best == pytest.approx(0.05, rel=0.01)
    assert "left as they are: down to a temperature of 0.050" in found.in_words()


def test_scores_that_say_nothing_become_even() -> None:
    found = one_label_temperature(np.eye(3) * 9, np.array([1, 2, 0]))
    assert (found.told, round(found.value)) == ("hottest", 100)
    assert "no more than chance" in found.in_words()


def test_many_labels_have_one_temperature_too() -> None:
    dice = np.random.default_rng(3)
    logits = dice.normal(size=(2000, 5)) * 2
    truth = (dice.random(logits.shape) < expit(logits)).astype(float)
    found = many_label_temperature(logits * 3, truth)
    assert found.value == pytest.approx(3.0, rel=0.1)
    assert found.before == pytest.approx(log_loss(truth.ravel(), expit(logits * 3).ravel()))
    assert found.after < found.before
    assert many_label_temperature(np.array([[3.0, -3.0]]), np.array([[1.0, 0.0]])).told == "right"


@pytest.mark.parametrize(
    ("logits", "truth", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, dtype=np.int64), r"the shape \(0, 3\)"),
        (np.zeros(3), np.zeros(3, dtype=np.int64), r"the shape \(3,\)"),
        (np.zeros((2, 3)), np.array([0]), "each of 2 rows of logits needs a label from 0 to 2"),
        (np.zeros((2, 3)), np.array([0, 3]), "there are 2 from 0 to 3"),
        (np.array([[0.0, 1.0], [np.nan, 1.0]]), np.array([0, 1]), "row 2 has .nan"),
        (np.array([[0.0, np.inf]]), np.array([0]), "row 1 has .0.0, inf"),
    ],
)
def test_what_no_temperature_can_be_fitted_on(
    logits: np.ndarray, truth: np.ndarray, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        one_label_temperature(logits, truth)


def test_many_labels_need_a_truth_for_each() -> None:
    with pytest.raises(DataError, match=r"have \(2, 3\) and \(2, 2\)"):
        many_label_temperature(np.zeros((2, 3)), np.zeros((2, 2)))


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_are_the_best_there_are(seed: int) -> None:
    dice = np.random.default_rng(seed)
    shares = dice.random((60, 3)).round(1 if seed % 2 else 3)
    truth = (dice.random((60, 3)) < shares * [1.0, 0.5, 0.3]).astype(float)
    found = Thresholds.fit(shares, truth, ("a", "b", "c"))
    assert found.usual == ()
    given = found.given(shares)
    for place in range(3):
        tried = (shares[:, [place]] >= np.linspace(0, 1, 1001)).astype(float)
        hits = tried.T @ truth[:, place]
        best = (2 * hits / (tried.sum(0) + truth[:, place].sum())).max()
        assert f1_score(truth[:, place], given[:, place]) == pytest.approx(best)
        # Between two probabilities, so the least change of one changes nothing.
        assert not np.isclose(shares[:, place], found.values[place], atol=1e-9).any()


def test_of_equal_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    shares = np.array([0.9] * 5 + [0.1] * 5)[:, None]
    truth = np.array([1.0] * 5 + [0.0] * 5)[:, None]
    assert Thresholds.fit(shares, truth, ("a",)).values == (0.5,)


def test_labels_with_few_rows_keep_a_half_and_it_is_said() -> None:
    dice = np.random.default_rng(0)
    shares = dice.random((40, 3)) * 0.3
    truth = np.zeros((40, 3))
    truth[:4, 0], truth[:20, 1], truth[:36, 2] = 1, 1, 1
    found = Thresholds.fit(shares, truth, ("rare", "common", "always"))
    assert found.usual == ("rare", "always")
    assert (found.values[0], found.values[2]) == (0.5, 0.5)
    assert found.values[1] < 0.3
    assert "chosen for 1 labels" in found.in_words()
    assert "0.5 for rare, always, which fewer than 5 rows have or lack" in found.in_words()
    none = Thresholds.fit(shares[:3], truth[:3], ("a", "b", "c"))
    assert none.values == (0.5, 0.5, 0.5)
    assert "0.5 for every label" in none.in_words()


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (np.zeros((3, 1)), r"the shapes \(3, 1\) and \(3, 2\)"),
        (np.full((3, 2), 1.5), "probabilities, not logits"),
        (np.full((3, 2), np.nan), "from 0 to 1, but there are others"),
    ],
)
def test_what_no_threshold_can_be_chosen_among(shares: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Thresholds.fit(shares, np.zeros((3, 2)), ("a", "b"))
