"""Escaping, numbers, and the checks on figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.markup_check import Page
from unmask.errors import ConfigError
from unmask.report import units
from unmask.report.facts import Blank, Guess, Setting, Share, StepFacts, settings
from unmask.report.markup import Html, number, tag, text, visible


@given(st.text(st.characters()))
def test_any_text_stays_text(raw: str) -> None:
    page = Page(tag("p", {"title": raw}, text(raw)))
    assert not page.problems
    assert page.tags == ["p"]
    # A carriage return is a control character here, so a parser's newline rules change nothing.
    assert "".join(page.words) == visible(raw)


def test_control_characters_and_surrogates_are_shown_not_dropped() -> None:
    assert visible("a\x1b[31m\x00\x7f\x9b\ud800\n\tb") == "a␛[31m␀␡\ufffd\ufffd\n\tb"
    visible("\udfff").encode()


def test_attributes_are_escaped_and_numbers_short() -> None:
    made = tag("rect", {"x": 1.0, "y": -0.001, "width": 2.3456, "class": 'a"b'}, Html(""))
    assert made == '<rect x="1" y="0" width="2.35" class="a&quot;b"></rect>'
    assert number(100.0) == "100"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (7, "7"),
        (0.1234, "0.123"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (49_145, "49.1k"),
        (999_400, "999k"),
        (999_950, "1.00M"),
        (5_244_160, "5.24M"),
        (999_600_000, "1.00B"),
        (2_000_000_000_000, "2.00T"),
    ],
)
def test_short_numbers(value: float, written: str) -> None:
    assert units.short(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (241.7, "4 min 2 s"),
        (3599.7, "1 h 0 min"),
        (11_105, "3 h 5 min"),
    ],
)
def test_durations(seconds: float, written: str) -> None:
    assert units.duration(seconds) == written


def test_sizes_and_shares() -> None:
    assert [units.size(n) for n in (12, 4_096, 1_418_000_000)] == ["12 bytes", "4.10 kB", "1.42 GB"]
    assert units.percent(0.15004, 2) == "15.00%"


def step(**changes: float) -> StepFacts:
    values = {"seconds": 0.1, "loss": 9.0, "lr": 0.001, "tokens_per_second": 5e4} | changes
    return StepFacts(1, 4096, **values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["loss", "lr", "seconds", "tokens_per_second"])
def test_a_figure_that_is_not_finite_is_refused(field: str, bad: float) -> None:
    with pytest.raises(
        ConfigError, match=rf"StepFacts\.{field} must be finite, and is (nan|-?inf)"
    ):
        step(**{field: bad})


def test_impossible_figures_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Share\.measured must lie between 0 and 1.*by 100"):
        Share(0.15, 15.0)
    with pytest.raises(ConfigError, match=r"StepFacts\.lr must be at least 0"):
        step(lr=-1e-9)
    with pytest.raises(ConfigError, match=r"StepFacts\.tokens must be a whole number, and is 1.5"):
        StepFacts(1, 1.5, 0.0, 0.0, 0.0, 0.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Guess\.probability must be a plain number"):
        Guess("a", "0.5")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Guess\.probability must be a plain number"):
        Guess("a", True)


def test_the_rank_of_a_blank() -> None:
    guesses = (Guess("the", 0.4), Guess(" a", 0.3), Guess("##a", 0.1))
    assert Blank("with ", "a", ".", guesses).rank == 2
    assert Blank("with ", "an", ".", guesses).rank is None


def test_settings_keep_their_order() -> None:
    assert settings({"b": 2, "a": None}) == (Setting("b", "2"), Setting("a", "None"))
