"""Likely label mistakes: found where they were made, by models that have not seen the row."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.errors import DataError
from unmask.evaluation.label_mistakes import (
    FOLDS,
    confident,
    folds_of,
    judge_labels,
    judge_numbers,
    judge_sets,
    out_of_fold,
)
from unmask.evaluation.probe import F32


def clouds(rows: int = 150, labels: int = 3) -> tuple[F32, list[str]]:
    """Points around one place for each label."""
    dice = np.random.default_rng(0)
    truth = np.arange(rows) % labels
    centres = 3 * np.eye(labels, 8)
    vectors = centres[truth] + dice.normal(0, 0.6, (rows, 8))
    return vectors.astype(np.float32), [f"label{one}" for one in truth]


def names(count: int) -> list[str]:
    return [f"text {place}" for place in range(count)]


def test_labels_that_were_changed_are_found() -> None:
    vectors, labels = clouds()
    changed = {4: "label0", 50: "label1", 99: "label2"}
    wrong = [changed.get(row, label) for row, label in enumerate(labels)]
    judged = judge_labels(vectors, wrong, names(len(wrong)))
    assert {one.row for one in judged.suspects[:3]} == set(changed)
    first = {one.row: one for one in judged.suspects}
    for row, given in changed.items():
        assert first[row].given == given
        assert first[row].suggested == labels[row]
        assert first[row].given_score < 0.5 < first[row].suggested_score
    assert len(judged.suspects) <= 6
    assert judged.score > 0.9
    assert judged.measure == "macro F1"
    assert judged.rows == 150


def test_clean_labels_are_not_suspect() -> None:
    vectors, labels = clouds()
    assert judge_labels(vectors, labels, names(len(labels))).suspects == ()


def test_a_row_is_judged_by_models_that_have_not_seen_it() -> None:
    """Noise without structure: whoever had seen a row would know its label."""
    dice = np.random.default_rng(1)
    vectors = dice.normal(size=(100, 200)).astype(np.float32)
    labels = [str(one) for one in dice.integers(0, 2, 100)]
    told = out_of_fold(vectors, labels, names(100))
    right = np.mean([labels[row] == "01"[best] for row, best in enumerate(told.argmax(1))])
    assert 0.3 < right < 0.7
    assert told.sum(1) == pytest.approx(1.0)


def test_the_same_text_is_in_one_fold_and_folds_are_even() -> None:
    labels = ["a", "b"] * 50
    texts = [f"text {place // 4}" for place in range(100)]
    folds = folds_of(labels, texts, 0)
    for text in set(texts):
        assert len({fold for fold, one in zip(folds, texts, strict=True) if one == text}) == 1
    even = folds_of(labels, names(100), 0)
    for label in "ab":
        own = [fold for fold, one in zip(even, labels, strict=True) if one == label]
        assert [own.count(fold) for fold in range(FOLDS)] == [10] * FOLDS
    assert not np.array_equal(even, folds_of(labels, names(100), 1))


def test_the_rule_of_confident_learning() -> None:
    """By hand: the thresholds are 0.6 and 0.7, the mean of each label's own rows."""
    told = np.array([[0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.5, 0.5], [0.6, 0.4]])
    truth = np.array([0, 0, 1, 1, 0])
    assert confident(told, truth) == [(1, 1)]
    # Row 3 is not sure of anything: 0.5 is below both.


def test_labels_with_few_rows_are_named_and_left_out() -> None:
    vectors, labels = clouds()
    labels[7] = labels[8] = "rare"
    judged = judge_labels(vectors, labels, names(len(labels)))
    assert judged.few == ("rare",)
    assert judged.rows == 148
    assert {7, 8}.isdisjoint(one.row for one in judged.suspects)
    with pytest.raises(DataError, match="two of them with 5 rows or more"):
        judge_labels(vectors[:6], ["a", "a", "a", "a", "a", "b"], names(6))


def test_sets_of_labels() -> None:
    vectors, labels = clouds()
    sets = [[label, "always"] for label in labels]
    sets[10] = ["label2", "always"]  # it was label1
    judged = judge_sets(vectors, sets, names(len(sets)))
    found = {(one.row, one.given, one.suggested) for one in judged.suspects}
    assert (10, "with label2", "without label2") in found
    assert judged.few == ("always",)
    with pytest.raises(DataError, match="as many that lack it"):
        judge_sets(vectors, [["always"]] * len(sets), names(len(sets)))


def test_numbers_far_from_what_is_expected() -> None:
    vectors, _ = clouds()
    numbers = vectors[:, 0].astype(np.float64) * 2 + vectors[:, 1]
    numbers[33] += 40
    judged = judge_numbers(vectors, numbers, names(len(numbers)))
    assert judged.suspects[0].row == 33
    assert len(judged.suspects) < 6
    assert judged.measure == "R²"
    with pytest.raises(DataError, match="10 rows or more"):
        judge_numbers(vectors[:4], numbers[:4], names(4))
