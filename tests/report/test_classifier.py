"""A classifier's report shows what it was given, as words, whatever they hold."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.report.markup_check import Page
from tests.report.test_charts import read, words
from unmask.errors import ConfigError
from unmask.evaluation.classification import ClassificationFigures, compare_labels
from unmask.evaluation.confidence import Bin
from unmask.report.classifier import classifier_report
from unmask.report.facts_classifier import AnsweredRow, ClassifierFacts
from unmask.report.facts_measured import About, Against, Length
from unmask.report.reliability import reliability

HOSTILE = '"><script>alert(1)</script><img src=http://x.test/a onerror=alert(1)>\x00\ud800'
LABELS = ("bad", "fine", "good")


def facts(rows: int = 60, texts: str = "a text", wrong: int = 4, **more: Any) -> ClassifierFacts:
    """Every `wrong`-th guess is wrong; 0 for none."""
    labels: tuple[str, ...] = more.pop("labels", LABELS)
    cut: tuple[int, ...] = more.pop("cut", (1, 2))
    truth = [labels[place % len(labels)] for place in range(rows)]
    guesses = [
        labels[(place + 1) % len(labels)] if wrong and place % wrong == 0 else one
        for place, one in enumerate(truth)
    ]
    shares = np.full((rows, len(labels)), 0.1 / (len(labels) - 1))
    shares[np.arange(rows), [labels.index(one) for one in guesses]] = 0.9
    said = [
        AnsweredRow(
            f"{texts} {place}", one, guess, 0.9 - place / 1000,
            Length(5 + 3 * place, "cut" if place in cut else "whole"),
        )
        for place, (one, guess) in enumerate(zip(truth, guesses, strict=True))
    ]  # fmt: skip
    figures = ClassificationFigures.of(truth, guesses, labels, probabilities=shares, resamples=50)
    other = compare_labels(truth, guesses, truth, labels, resamples=50)
    against = Against("runs/other", other, {"both are right": 3}, other[0].verdict("A", "B"))
    given = {"model": "runs/b", "data": "test.csv", "when": "2026-11-27", "skipped": 0,
             "against": against}  # fmt: skip
    return ClassifierFacts(About(**{**given, **more}), figures, tuple(said))


def page(given: ClassifierFacts) -> Page:
    found = Page(classifier_report(given).render())
    assert found.problems == []
    return found


def test_every_part_is_there() -> None:
    found = page(facts())
    for part in (
        "How well runs/b tells 3 labels", "test.csv", "75.0%", "15 are wrong", "2 texts were",
        "Against runs/other", "B is better than A in accuracy", "both are right", "macro F1",
        "Matthews correlation", "log loss, in nats", "calibration error", "Label by label",
        "Confusion matrix", "Calibration", "too sure of itself", "Accuracy by length", "17 to 32",
        "Its worst mistakes", "The 15 wrong guesses of 15", "a text 0",
    ):  # fmt: skip
        assert part in found.text, part


def test_all_figures_of_a_label_have_their_intervals() -> None:
    given = facts()
    text = page(given).text
    for label in given.figures.labels:
        for one in label.estimates:
            assert f"{one.value:.3f} ({one.interval})" in text


def test_the_surest_mistakes_come_first_and_long_texts_are_cut() -> None:
    source = classifier_report(facts(rows=200, texts="x" * 1000)).render()
    assert source.count('<article class="blank quote">') == 20
    shown = re.findall(r"([\d.]+)%</span></div></article>", source)
    assert [float(one) for one in shown] == sorted(map(float, shown), reverse=True)
    assert float(shown[0]) == 90.0
    assert "x" * 399 + "…" in source
    assert "x" * 401 not in source


def test_hostile_words_are_only_words() -> None:
    labels = (HOSTILE, "ok", "other")
    other = facts().about.against
    assert other is not None
    given = facts(
        texts=HOSTILE, labels=labels, model=HOSTILE, data=HOSTILE,
        against=Against(HOSTILE, other.differences, {HOSTILE: 1}, HOSTILE),
    )  # fmt: skip
    assert page(given).text.count("<script>alert(1)</script>") > 20


def test_a_model_without_mistakes_and_one_row() -> None:
    found = page(facts(wrong=0, against=None))
    assert "every guess is right" in found.text
    assert "Against" not in found.text
    one = page(facts(rows=1, wrong=1, against=None, cut=()))
    assert "1 is wrong" in one.text
    assert "(too few)" in one.text


def test_many_labels_have_no_matrix_but_their_confusions() -> None:
    labels = tuple(f"label-{place:03}" for place in range(90))
    found = page(facts(rows=270, labels=labels))
    assert "Confusion matrix" not in found.text
    assert "A matrix of 90 labels could not be read" in found.text
    assert "30 more labels, whose F1 is higher" in found.text
    assert "fewer than 10 rows" in found.text


def test_an_empty_text_is_said_to_be_one() -> None:
    empty = AnsweredRow("  ", "bad", "fine", 0.9, Length(2, "whole"))
    assert "(no text)" in page(replace(facts(rows=1, wrong=1), rows=(empty,))).text


def test_rows_and_figures_must_belong_together() -> None:
    with pytest.raises(ConfigError, match="has 0 rows for figures of 60"):
        replace(facts(), rows=())


def test_the_calibration_curve_has_a_dot_for_each_bin_with_rows() -> None:
    empty = Bin(0.0, 0.5, 0, None, None)
    bins = [empty, Bin(0.5, 0.75, 4, 0.6, 0.5), Bin(0.75, 1.0, 400, 0.9, 1.0)]
    drawn = read(reliability(bins))
    dots = [one for one in drawn.iter() if one.tag.endswith("circle")]
    # x from 52, y from 420 up, 380 pixels a side; the area says how many rows.
    assert [(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in dots] == [
        (394.0, 40.0), (280.0, 230.0),
    ]  # fmt: skip
    assert [float(one.get("r", 0)) for one in dots] == [15.0, 3.0]
    assert "60.0% sure, 50.0% right, of 4" in (drawn[1].text or "")
    assert "share of the guesses that are right" in "".join(words(reliability(bins)))
    with pytest.raises(ConfigError, match="no bin with rows"):
        reliability(bins[:1])
