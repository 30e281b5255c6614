"""Figures of sets of labels against scikit-learn, also on repeated rows, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from unmask.errors import DataError
from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.multilabel import MultiLabelFigures, _Sets, compare_label_sets

LABELS = ("a", "b", "c")
TRUTH = [{"a"}, {"a", "b"}, set(), {"c"}]
GUESSES = [{"a"}, {"b"}, set(), {"a", "c"}]


def sets(matrix: np.ndarray) -> list[set[str]]:
    return [{LABELS[place] for place in np.flatnonzero(row)} for row in matrix]


def test_figures_counted_by_hand() -> None:
    found = MultiLabelFigures.of(TRUTH, GUESSES, LABELS)
    assert (found.rows, found.empty) == (4, 1)
    assert found.subset_accuracy.value == 0.5
    assert found.micro_f1.value == pytest.approx(2 * 3 / 8)
    assert found.macro_f1.value == pytest.approx((0.5 + 1 + 1) / 3)
    # The row that rightly has no label counts 1.
    assert found.samples_f1.value == pytest.approx((1 + 2 / 3 + 1 + 2 / 3) / 4)
    assert [one.rows for one in found.labels] == [2, 1, 1]
    assert found.in_words()["rows without a label"] == "1"
    assert set(found.in_words()) >= {"micro F1", "macro F1", "samples F1", "subset accuracy"}


@pytest.mark.parametrize("seed", range(8))
def test_figures_are_scikit_learns_on_the_rows_and_on_repeated_ones(seed: int) -> None:
    dice = np.random.default_rng(seed)
    true, guessed = (dice.random((2, 15, 3)) < 0.4).astype(int)
    found = MultiLabelFigures.of(sets(true), sets(guessed), LABELS, resamples=20)
    precision, recall, f1, rows = precision_recall_fscore_support(
        true, guessed, average=None, zero_division=0.0
    )
    assert [one.f1 for one in found.labels] == pytest.approx(f1)
    assert [one.precision for one in found.labels] == pytest.approx(precision)
    assert [one.recall for one in found.labels] == pytest.approx(recall)
    assert [one.rows for one in found.labels] == rows.tolist()
    weights = dice.multinomial(15, np.full(15, 1 / 15))
    again = [np.repeat(one, weights, axis=0) for one in (true, guessed)]
    figures = _Sets.of(csr_array(true), csr_array(guessed))(weights[None].astype(float))[0]
    occurs = again[0].sum(0) + again[1].sum(0) > 0
    assert figures == pytest.approx(
        [
            accuracy_score(*again),
            f1_score(*again, average="micro", zero_division=0.0),
            f1_score(*again, average=None, zero_division=0.0)[occurs].mean(),
            f1_score(*again, average="samples", zero_division=1.0),
        ]
    )


def test_intervals_hold_the_figures() -> None:
    found = MultiLabelFigures.of(TRUTH * 30, GUESSES * 30, LABELS)
    for one in (found.subset_accuracy, found.micro_f1, found.macro_f1, found.samples_f1):
        assert one.interval is not None
        assert one.value is not None
        assert one.interval.low < one.value < one.interval.high


def test_labels_have_the_intervals_that_rows_of_one_label_have() -> None:
    dice = np.random.default_rng(5)
    truth, guesses = (dice.choice(LABELS, size=80).tolist() for _ in range(2))
    several = MultiLabelFigures.of([{one} for one in truth], [{one} for one in guesses], LABELS)
    one = ClassificationFigures.of(truth, guesses, LABELS)
    assert several.labels == one.labels
    assert one.labels[0].recall_interval is not None


def test_rows_without_any_label_are_measured() -> None:
    nothing: list[set[str]] = [set(), set()]
    found = MultiLabelFigures.of(nothing, nothing, LABELS)
    assert (found.subset_accuracy.value, found.samples_f1.value) == (1.0, 1.0)
    assert (found.micro_f1.value, found.macro_f1.value) == (0.0, 0.0)


def test_ten_thousand_labels_are_measured() -> None:
    labels = [str(number) for number in range(10_000)]
    rows = [{labels[place], labels[-place - 1]} for place in range(500)]
    found = MultiLabelFigures.of(rows, rows, labels, resamples=50)
    assert found.macro_f1.value == found.subset_accuracy.value == 1.0


def test_two_models_on_the_same_rows() -> None:
    found = compare_label_sets(TRUTH * 30, TRUTH * 30, GUESSES * 30, LABELS)
    assert found[0].figure == "subset accuracy"
    assert found[0].difference == 0.5
    assert {one.better for one in found} == {"first"}


@pytest.mark.parametrize(
    ("truth", "guesses", "words"),
    [
        ([], [], "needs rows"),
        ([{"a"}], [], "1 rows and 0 guesses"),
        ([{"a", "x"}], [{"a"}], "among 'a', 'b', 'c', but there are also 'x'"),
    ],
)
def test_what_cannot_be_measured(
    truth: list[set[str]], guesses: list[set[str]], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        MultiLabelFigures.of(truth, guesses, LABELS)
