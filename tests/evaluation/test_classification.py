"""Figures against scikit-learn and against counting by hand; intervals that cover."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from unmask.config import from_mapping
from unmask.errors import DataError
from unmask.evaluation.bag_of_words import BagOfWords
from unmask.evaluation.classification import ClassificationFigures, Confused, compare_labels

LABELS = ("a", "b", "c")
TRUTH = ["a", "a", "a", "b", "b", "c"]
GUESSES = ["a", "a", "b", "b", "c", "c"]


def test_figures_counted_by_hand() -> None:
    figures = ClassificationFigures.of(TRUTH, GUESSES, LABELS)
    assert figures.rows == 6
    assert figures.accuracy == figures.micro_f1 == pytest.approx(4 / 6)
    assert figures.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    a, b, c = figures.labels
    assert (a.label, a.rows, a.precision) == ("a", 3, 1.0)
    assert a.recall == pytest.approx(2 / 3)
    assert (b.f1, c.f1) == pytest.approx((1 / 2, 2 / 3))
    assert figures.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


def test_labels_that_never_occur_do_not_lower_the_mean() -> None:
    wide = ClassificationFigures.of(TRUTH, GUESSES, (*LABELS, "never"))
    assert wide.macro_f1 == ClassificationFigures.of(TRUTH, GUESSES, LABELS).macro_f1
    assert wide.labels[3].f1 == 0.0
    missing = ClassificationFigures.of(["a", "a"], ["a", "b"], LABELS)
    assert missing.macro_f1 == pytest.approx(f1_score([0, 0], [0, 1], average="macro"))


def test_matthews_correlation_is_scikit_learns_and_has_an_interval() -> None:
    figures = ClassificationFigures.of(TRUTH * 30, GUESSES * 30, LABELS)
    assert figures.matthews is not None
    assert figures.matthews.value == pytest.approx(matthews_corrcoef(TRUTH, GUESSES))
    assert figures.matthews.interval is not None
    assert figures.matthews.interval.low < matthews_corrcoef(TRUTH, GUESSES)
    assert figures.micro_f1_interval == figures.accuracy_interval
    same = ClassificationFigures.of(["a", "b"], ["a", "a"], LABELS).matthews
    assert same is not None
    assert same.value == 0.0


def test_probabilities_add_log_loss_and_calibration_error() -> None:
    shares = np.array([[0.7, 0.2, 0.1]] * 6)
    figures = ClassificationFigures.of(TRUTH, ["a"] * 6, LABELS, probabilities=shares)
    assert figures.confidence is not None
    assert figures.confidence.log_loss.value == pytest.approx(
        -(3 * math.log(0.7) + 2 * math.log(0.2) + math.log(0.1)) / 6
    )
    assert figures.confidence.calibration_error.value == pytest.approx(0.2)
    words = figures.in_words()
    assert words["calibration error"].endswith(", in 15 equal-width bins")
    assert "log loss" in words
    assert "log loss" not in ClassificationFigures.of(TRUTH, GUESSES, LABELS).in_words()


def test_all_right_says_what_so_many_rows_tell() -> None:
    words = ClassificationFigures.of(TRUTH, TRUTH, LABELS).in_words()
    # Of models that are right for 0.541 of rows, one in forty is right for all of six.
    assert words["rows"].startswith("6, all right; so many tell an accuracy of 0.541 or more")
    assert ClassificationFigures.of(TRUTH, GUESSES, LABELS).in_words()["rows"] == "6"


def test_two_models_on_the_same_rows() -> None:
    truth, weak = TRUTH * 30, GUESSES * 30
    found = {one.figure: one for one in compare_labels(truth, truth, weak, LABELS)}
    assert set(found) == {"accuracy", "macro F1", "Matthews correlation"}
    assert found["accuracy"].difference == pytest.approx(2 / 6)
    assert {one.better for one in found.values()} == {"first"}
    sure, unsure = np.eye(3)[[LABELS.index(one) for one in truth]], np.full((180, 3), 1 / 3)
    both = compare_labels(truth, truth, truth, LABELS, probabilities=(unsure, sure))
    losses = {one.figure: one for one in both}
    assert losses["log loss"].difference == pytest.approx(math.log(3))
    assert (losses["log loss"].better, losses["accuracy"].better) == ("second", "neither")
    with pytest.raises(DataError, match="180 rows and 1 guesses"):
        compare_labels(truth, weak, ["a"], LABELS)


def test_intervals_are_fixed_and_hold_the_figure() -> None:
    truth, guesses = TRUTH * 30, GUESSES * 30
    one, two = (ClassificationFigures.of(truth, guesses, LABELS) for _ in range(2))
    assert one == two
    assert one.accuracy_interval.low < one.accuracy < one.accuracy_interval.high
    assert one.macro_f1_interval.low < one.macro_f1 < one.macro_f1_interval.high
    # The spread of a share of 180 rows: two standard errors are 0.07.
    assert one.accuracy_interval.high - one.accuracy_interval.low == pytest.approx(0.138, abs=0.02)


def test_labels_have_the_intervals_of_drawn_rows() -> None:
    dice = np.random.default_rng(3)
    truth = dice.choice(["a", "b", "c"], size=300, p=[0.5, 0.4, 0.1])
    guesses = np.where(dice.random(300) < 0.7, truth, dice.choice(["a", "b", "c"], size=300))
    found = ClassificationFigures.of(truth.tolist(), guesses.tolist(), LABELS)
    drawn = []
    for _ in range(600):
        rows = dice.integers(300, size=300)
        drawn.append(
            precision_recall_fscore_support(
                truth[rows], guesses[rows], labels=LABELS, zero_division=0.0
            )[:3]
        )
    expected = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)  # ends, figures, labels
    for place, own in enumerate(found.labels):
        for figure, one in enumerate(own.estimates):
            assert one.interval is not None
            ends = (one.interval.low, one.interval.high)
            assert ends == pytest.approx(tuple(expected[:, figure, place]), abs=0.03)


def test_a_label_that_never_occurs_has_no_interval_and_few_rows_show_none() -> None:
    found = ClassificationFigures.of(TRUTH * 5, GUESSES * 5, (*LABELS, "never"))
    a, _, c, never = found.labels
    assert [one.interval for one in never.estimates] == [None] * 3
    assert str(a).startswith(f"F1 0.800 (95 %: {a.f1_interval})  precision 1.000")
    assert str(c) == "F1 0.667 (too few rows)          precision 0.500  recall 1.000  rows 5"


def test_figures_that_were_stored_without_intervals_of_labels_are_read() -> None:
    found = ClassificationFigures.of(TRUTH, GUESSES, LABELS)
    stored = json.loads(json.dumps(asdict(found)))
    assert from_mapping(ClassificationFigures, stored) == found
    for own in stored["labels"]:
        del own["precision_interval"], own["recall_interval"], own["f1_interval"]
    read = from_mapping(ClassificationFigures, stored)
    assert [one.f1 for one in read.labels] == [one.f1 for one in found.labels]
    assert read.labels[0].f1_interval is None


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    dice = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        right = dice.random(100) < 0.8
        guesses = ["a" if hit else "b" for hit in right]
        interval = ClassificationFigures.of(["a"] * 100, guesses, LABELS).accuracy_interval
        covered += interval.low <= 0.8 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("truth", "guesses", "words"),
    [
        ([], [], "needs rows"),
        (["a"], [], "1 rows and 0 guesses"),
        (["a", "x"], ["a", "a"], "among 'a', 'b', 'c', but there are also 'x'"),
    ],
)
def test_what_cannot_be_measured(truth: list[str], guesses: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ClassificationFigures.of(truth, guesses, LABELS)


def test_ten_thousand_labels_are_measured() -> None:
    labels = [str(number) for number in range(10_000)]
    figures = ClassificationFigures.of(labels[:50], labels[:50], labels, resamples=10)
    assert figures.accuracy == figures.macro_f1 == 1.0
    assert len(figures.labels) == 10_000
    assert figures.confusion == ()
    wrong = ClassificationFigures.of(["0", "0", "7"], ["9999", "9999", "7"], labels, resamples=10)
    assert wrong.confused == (Confused("0", "9999", 2),)


def test_the_bag_of_words_learns_words_and_pairs() -> None:
    texts = ["good film", "not good film", "a good one", "it is not good"] * 5
    labels = ["yes", "no", "yes", "no"] * 5
    bag = BagOfWords.fit(texts, labels)
    assert bag.predict(["good", "not good"]) == ["yes", "no"]
    assert bag.predict([]) == []
    again = BagOfWords.fit(texts, labels)
    assert again.predict(texts) == bag.predict(texts)


def test_the_bag_of_words_says_what_it_cannot_do() -> None:
    with pytest.raises(DataError, match="two or more labels"):
        BagOfWords.fit(["a", "b"], ["x", "x"])
    with pytest.raises(DataError, match="hold none"):
        BagOfWords.fit(["", "..."], ["x", "y"])


def test_the_bag_of_words_on_real_data(shared_data) -> None:
    files = {
        side: shared_data / "sentence_polarity" / f"rt-polarity.{side}" for side in ("pos", "neg")
    }
    texts, labels = [], []
    for side, path in files.items():
        lines = path.read_bytes().decode("latin-1").splitlines()[:1500]
        texts += lines
        labels += [side] * len(lines)
    train = [place for place in range(len(texts)) if place % 5]
    test = [place for place in range(len(texts)) if not place % 5]
    bag = BagOfWords.fit([texts[i] for i in train], [labels[i] for i in train])
    guesses = bag.predict([texts[i] for i in test])
    assert accuracy_score([labels[i] for i in test], guesses) > 0.65
