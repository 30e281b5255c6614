"""The same figures in a terminal."""

from __future__ import annotations

from dataclasses import replace

from tests.report import sample
from unmask.report.console import (
    blanks_summary,
    classification_summary,
    evaluation_summary,
    plain_text,
    summary,
)
from unmask.report.facts import Baseline, Blank, Guess


def test_evaluation_and_classification_as_plain_text() -> None:
    text = plain_text(evaluation_summary(sample.evaluation()))
    assert "this model" in text
    row = next(line for line in text.splitlines() if "same neighbours" in line)
    assert row.split()[-3:] == ["20.2%", "26.3%", "-"]
    assert "1.31 times as many" in " ".join(text.split())
    text = plain_text(classification_summary(sample.classification()))
    row = next(line for line in text.splitlines() if "logistic" in line)
    assert row.split()[-4:] == ["89.1%", "0.884", "1.9", "s"]
    assert "The bag of words wins" in text


def test_blanks_name_the_word_and_the_guesses() -> None:
    lines = plain_text(blanks_summary(sample.blanks())).splitlines()
    assert lines[0] == "Return the sum of the array elements over the given [axis]."
    assert lines[1].split()[:4] == ["axis", "81%", "dimension", "7%"]


def test_the_whole_summary_tells_what_was_left_out() -> None:
    facts = replace(sample.facts(), classification=None, classification_skipped="One label only.")
    assert "Classification was left out. One label only." in plain_text(summary(facts))
    text = plain_text(summary(sample.facts()), width=60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert "TF-IDF" in text


def test_words_are_neither_markup_nor_escape_sequences() -> None:
    evil = "[bold red]x[/] \x1b[31m"
    baseline = Baseline(evil, 0.9, None, None)
    facts = replace(sample.evaluation(), baselines=(baseline,))
    blank = Blank(evil, evil, evil, (Guess(evil, 0.5),))
    for text in (plain_text(evaluation_summary(facts)), plain_text(blanks_summary([blank]))):
        assert "[bold red]x[/] ␛[31m" in text
        assert "\x1b" not in text
