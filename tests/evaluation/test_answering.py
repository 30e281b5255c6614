"""Exact match, F1 and the threshold for "no answer", against the published rules."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict

import numpy as np
import pytest

from unmask.config import from_mapping
from unmask.errors import DataError
from unmask.evaluation.answering import (
    AnswerFigures,
    agreement,
    best_threshold,
    compare_answers,
    normalised,
)


@pytest.mark.parametrize(
    ("text", "norm"),
    [
        ("The  Broncos!", "broncos"),
        ("an apple, a day", "apple day"),
        ("U.S. $3", "us 3"),
        ("Theatre and Anthem", "theatre and anthem"),
        ("the", ""),
        ("a-b", "ab"),
        ("“Zoë’s”", "“zoë’s”"),  # only ASCII punctuation, as published
        ("", ""),
    ],
)
def test_normalised(text: str, norm: str) -> None:
    assert normalised(text) == norm


@pytest.mark.parametrize(
    ("said", "truths", "exact", "f1"),
    [
        ("the Denver Broncos", ["Denver Broncos"], 1, 1),
        ("Denver", ["Denver Broncos", "Broncos"], 0, 2 / 3),
        ("Denver", ["Carolina", "denver."], 1, 1),
        ("x x y", ["x y y"], 0, 2 / 3),
        ("x", ["y"], 0, 0),
        ("", [], 1, 1),
        ("x", [], 0, 0),
        ("the", [], 1, 1),
        ("", ["x"], 0, 0),
        ("x", ["the", "x"], 1, 1),  # what has nothing left is no truth
        ("x", ["the"], 0, 0),
        ("", ["the"], 1, 1),
        # Counted by hand: articles and marks are gone before words are counted.
        ("A cat, on the mat.", ["a cat on a mat"], 1, 1),
        ("the cat sat", ["A cat that sat!"], 0, 2 * 2 / (2 + 3)),
        ("an owl", ["an", "the owl's", "owls"], 0, 0),  # "owl's" is read as "owls"
        ("in May 1999", ["1999", "May, 1999", "on 3 May 1999"], 0, 2 * 2 / (3 + 2)),
        ("x x", ["x"], 0, 2 * 1 / (2 + 1)),  # a word counts as often as it stands there
        ("...", ["x"], 0, 0),
        ("...", [], 1, 1),
        ("", ["", "x"], 0, 0),  # an empty right answer is none beside another
        ("", [""], 1, 1),
    ],
)
def test_agreement(said: str, truths: list[str], exact: float, f1: float) -> None:
    assert agreement(said, truths) == pytest.approx((exact, f1))


def test_figures_with_their_parts() -> None:
    said = ["Denver", "", "x y", ""]
    truths: list[list[str]] = [["denver"], [], ["y z"], ["q"]]
    figures = AnswerFigures.of(said, truths, 1.5)
    assert (figures.questions, figures.unanswerable, figures.threshold) == (4, 1, 1.5)
    assert figures.exact_match == 0.5
    assert figures.f1 == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert figures.answerable_f1 == pytest.approx(0.5)
    assert figures.unanswerable_accuracy == 1.0
    assert figures.in_words()["questions"] == "4, 1 without an answer"
    assert figures.in_words()["  without an answer, told"] == "1.000 (95 %: 1.000 to 1.000)"
    between = figures.answerable_f1_interval
    assert figures.in_words()["  with an answer, F1"] == f"0.500 (95 %: {between})"
    assert figures.in_words()["no answer said from"] == "+1.50 nats"
    plain = AnswerFigures.of(["x"], [["x"]])
    assert (plain.unanswerable_accuracy, plain.answerable_f1) == (None, 1.0)
    assert plain.unanswerable_accuracy_interval is None
    assert set(plain.in_words()) == {"questions", "exact match", "F1"}
    only = AnswerFigures.of(["x"], [[]])
    assert (only.unanswerable_accuracy, only.answerable_f1) == (0.0, None)
    assert only.answerable_f1_interval is None
    for bad in ([], ["x", "y"]):
        with pytest.raises(DataError, match=r"an answer for each"):
            AnswerFigures.of(bad, [["x"]] if bad else [])


def test_the_interval_is_that_of_a_mean() -> None:
    generator = np.random.default_rng(0)
    right = generator.random(800) < 0.7
    figures = AnswerFigures.of(["x" if one else "y" for one in right], [["x"]] * 800)
    error = 1.96 * np.sqrt(figures.f1 * (1 - figures.f1) / 800)
    assert figures.f1_interval.low == pytest.approx(figures.f1 - error, abs=0.01)
    assert figures.f1_interval.high == pytest.approx(figures.f1 + error, abs=0.01)
    assert figures.exact_match_interval == figures.f1_interval


def test_questions_with_an_answer_and_without_have_intervals_of_their_own() -> None:
    generator = np.random.default_rng(4)
    right = generator.random(900) < 0.7
    truths: list[list[str]] = [["x"]] * 600 + [[]] * 300
    said = ["x" if one else "y" for one in right[:600]]
    said += ["" if one else "y" for one in right[600:]]
    figures = AnswerFigures.of(said, truths, 0.0)
    parts = (
        (figures.answerable_f1, figures.answerable_f1_interval, 600),
        (figures.unanswerable_accuracy, figures.unanswerable_accuracy_interval, 300),
    )
    for share, between, rows in parts:
        assert share is not None
        assert between is not None
        error = 1.96 * np.sqrt(share * (1 - share) / rows)
        assert between.low == pytest.approx(share - error, abs=0.01)
        assert between.high == pytest.approx(share + error, abs=0.01)


def test_figures_that_were_stored_without_these_intervals_are_read() -> None:
    found = AnswerFigures.of(["x", ""], [["x"], []], 0.5)
    stored = json.loads(json.dumps(asdict(found)))
    assert from_mapping(AnswerFigures, stored) == found
    del stored["answerable_f1_interval"], stored["unanswerable_accuracy_interval"]
    read = from_mapping(AnswerFigures, stored)
    assert read.answerable_f1_interval is None
    assert read.in_words()["  with an answer, F1"] == "1.000"


def test_two_models_on_the_same_questions() -> None:
    truths: list[list[str]] = [["x"], ["y z"], []] * 60
    first, second = ["x", "y", ""] * 60, ["x", "q", "no"] * 60
    exact, f1 = compare_answers(truths, first, second)
    assert (exact.figure, f1.figure) == ("exact match", "F1")
    assert exact.difference == pytest.approx(1 / 3)
    assert f1.difference == pytest.approx((2 / 3 + 1) / 3)
    assert exact.better == f1.better == "first"
    assert compare_answers(truths, first, first)[1].better == "neither"


def mean_f1(
    best: list[str], margins: list[float], truths: list[list[str]], threshold: float
) -> float:
    said = [b if m <= threshold else "" for b, m in zip(best, margins, strict=True)]
    return float(np.mean([agreement(s, t)[1] for s, t in zip(said, truths, strict=True)]))


@pytest.mark.parametrize("seed", range(30))
def test_no_other_threshold_is_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 12))
    truths = [[["x y"], [], ["z"]][int(kind)] for kind in generator.integers(0, 3, count)]
    best = [["x", "x y", "z", ""][int(kind)] for kind in generator.integers(0, 4, count)]
    margins = generator.integers(-4, 5, count).astype(float).tolist()
    found = best_threshold(best, margins, truths)
    reached = mean_f1(best, margins, truths, np.inf if found is None else found)
    tried = [mean_f1(best, margins, truths, t / 2) for t in range(-20, 20)]
    assert reached == pytest.approx(max(tried))
    if found is not None:  # well apart from every margin, which rounding may shift
        assert min(abs(found - margin) for margin in margins) >= 0.5


def test_a_margin_without_end_is_never_answered() -> None:
    assert best_threshold(["x", ""], [0.0, float("inf")], [["x"], []]) in (None, 1.0)
    found = best_threshold(["x", "x"], [0.0, float("inf")], [["x"], []])
    assert found == pytest.approx(1.0)


def test_all_pairs_of_equal_margins_stay_together() -> None:
    for truths in itertools.product([["x"], []], repeat=3):
        found = best_threshold(["x"] * 3, [1.0] * 3, list(truths))
        answered = found is None
        assert answered == (sum(bool(t) for t in truths) > 1.5)
