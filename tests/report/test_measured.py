"""The pages of tags, answers, rankings, graded pairs, numbers and sets of labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.report.markup_check import Page
from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import Difference, Estimate, Interval
from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.evaluation.regression import RegressionFigures
from unmask.evaluation.tagging import types_of
from unmask.report.answers import AnswerFacts, AskedRow, answer_report, excerpt
from unmask.report.facts_measured import About, Against, Length
from unmask.report.graded import GradedFacts, GradedRow, graded_report
from unmask.report.label_sets import LabelSetFacts, LabelSetRow, label_set_report
from unmask.report.numbers import NumberFacts, NumberRow, number_report
from unmask.report.page import Report
from unmask.report.rankings import RankedQuery, Rankings, ranking_report
from unmask.report.section_measured import Line, parts_table
from unmask.report.tags import TagFacts, TaggedRow, tag_report
from unmask.text.tags import BIO

HOSTILE = '"><script>alert(1)</script><img src=http://x.test/a onerror=alert(1)>\x00\ud800'
APART = Difference("F1", 0.5, 0.25, 0.25, Interval(0.1, 0.4), "more", 40)
AGAINST = Against("runs/other", (APART,), {"both are right": 3}, APART.verdict("A", "B"))
ABOUT = About("runs/b", "test.data: 40 rows", "2026-11-27", 2, AGAINST)
HOSTILE_ABOUT = About(
    HOSTILE, HOSTILE, "", 0, Against(HOSTILE, (APART,), {HOSTILE: 1}, HOSTILE)
)  # fmt: skip


def length(place: int) -> Length:
    return Length(10 + 2 * place, ("whole", "parts", "cut")[place % 3])  # type: ignore[arg-type]


def tags(about: About = ABOUT, word: str = "word", label: str = "b") -> TagFacts:
    """Of four sentences one is right, and each other has a mistake of another kind."""
    truth = ("B-a", "I-a", "O", f"B-{label}", "O")
    guesses = (
        truth,
        ("B-a", "O", "O", f"B-{label}", "O"),  # the ends
        ("B-a", "I-a", "O", "B-a", "O"),  # the type
        ("O", "O", "O", f"B-{label}", "B-a"),  # missed, and found where there is none
    )
    rows = []
    for place in range(40):
        guess = guesses[place % 4]
        scores = tuple(0.5 + place / 100 for _ in BIO.spans(guess))
        words = tuple(f"{word}{place}.{n}" for n in range(5))
        rows.append(TaggedRow(words, truth, guess, scores, length(place)))
    return TagFacts(about, BIO, tuple(rows))


def answers(about: About = ABOUT, words: str = "Zoë") -> AnswerFacts:
    """Every fourth question has no answer, and every third one is answered wrongly."""
    rows = []
    for place in range(40):
        context = f"{words} was born in Köln in {1900 + place}. " + "More of it. " * (place * 4)
        truths = () if place % 4 == 0 else ((f"{1900 + place}", context.index("19")),)
        said = "born in Köln" if place % 3 == 0 else truths[0][0] if truths else ""
        start = context.find(said) if said else 0
        asked = f"When was {words} born?"
        rows.append(AskedRow(asked, context, truths, said, start, 0.9 - place / 100, length(place)))
    return AnswerFacts(about, 1.5, tuple(rows))


def rankings(about: About = ABOUT, words: str = "who is it?") -> Rankings:
    rows = tuple(
        RankedQuery(
            text=f"{words} {place}",
            gain=1.0 if place % 4 == 0 else 1 / (2 + place),
            relevant=f"right {words}",
            rank=1 if place % 4 == 0 else 1 + 5 * place,
            first=f"first {words}",
            score=0.75,
            documents=500,
            length=length(place),
        )
        for place in range(40)
    )
    lines = tuple(
        Line(name, Estimate(0.5, Interval(0.4, 0.6)), "what it says")
        for name in ("nDCG@10", "MRR@10", "MAP", "recall@1", "recall@10")
    )
    return Rankings(about, lines, rows, 3, "cosine", "A query counts as long as it is.", ("note",))


def graded(about: About = ABOUT, words: str = "a text") -> GradedFacts:
    rows = tuple(
        GradedRow(f"{words} {n}", f"other {words}", n % 5, 0.1 + n / 50, length(n))
        for n in range(40)
    )
    return GradedFacts(about, "cosine", rows)


def numbers(
    about: About = ABOUT, words: str = "a text", names: tuple[str, ...] = ("stars",)
) -> NumberFacts:
    dice = np.random.default_rng(0)
    truth = dice.normal(3, 1, (40, len(names)))
    guess = truth + dice.normal(0, 0.5, truth.shape)
    rows = tuple(
        NumberRow(f"{words} {n}", tuple(truth[n].tolist()), tuple(guess[n].tolist()), length(n))
        for n in range(40)
    )
    return NumberFacts(about, RegressionFigures.of(truth, guess, names, resamples=50), rows)


def label_sets(about: About = ABOUT, words: str = "a text", label: str = "odd") -> LabelSetFacts:
    labels = (label, "even", "never")
    truth = [labels[:2] if n % 5 == 0 else (labels[n % 2],) for n in range(40)]
    guess = [() if n % 4 == 0 else ("even", "never") if n % 7 == 0 else truth[n] for n in range(40)]
    rows = tuple(
        LabelSetRow(f"{words} {n}", tuple(one), tuple(given), length(n))
        for n, (one, given) in enumerate(zip(truth, guess, strict=True))
    )
    return LabelSetFacts(about, MultiLabelFigures.of(truth, guess, labels, resamples=50), rows)


PAGES: dict[str, Callable[[About, str], Report]] = {
    "tags": lambda about, words: tag_report(tags(about, words, words.strip() or "b")),
    "answers": lambda about, words: answer_report(answers(about, words)),
    "rankings": lambda about, words: ranking_report(rankings(about, words)),
    "graded": lambda about, words: graded_report(graded(about, words)),
    "numbers": lambda about, words: number_report(numbers(about, words, ("a", words))),
    "sets": lambda about, words: label_set_report(label_sets(about, words, words)),
}


def page(report: Report) -> Page:
    found = Page(report.render())
    assert found.problems == []
    return found


def cards(report: Report) -> list[str]:
    """The words of each mistake."""
    return re.findall(r'<article class="blank quote">(.*?)</article>', report.render(), re.S)


@pytest.mark.parametrize("kind", PAGES)
def test_all_pages_have_figures_the_other_model_lengths_and_mistakes(kind: str) -> None:
    text = page(PAGES[kind](ABOUT, "some words")).text
    for part in (
        "runs/b", "test.data: 40 rows", "2 bad places of the data were left out",
        "95 % interval", "Against runs/other", "A is better than B in F1", "both are right",
        "Short and long texts" if kind != "tags" else "Short and long sentences", "17 to 32",
        "What was too long", "all of it, in several parts", "only its beginning",
        "Its worst queries" if kind == "rankings" else "Its worst mistakes",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize("kind", PAGES)
def test_hostile_words_are_only_words(kind: str) -> None:
    assert page(PAGES[kind](HOSTILE_ABOUT, HOSTILE)).text.count("<script>alert(1)</script>") > 20


def test_tags_by_type_and_by_what_is_wrong_with_them() -> None:
    report = tag_report(tags())
    text = page(report).text
    for part in (
        "tags 2 types of spans", "It finds 80 spans, of which 50 are right, where there are 80",
        "Type by type", "F1 by type", "right words, wrong type", "right type, wrong words",
        "found where there is none", "missed altogether", "Types taken for each other",
    ):  # fmt: skip
        assert part in text, part
    given = tags()
    sides = [row.truth for row in given.rows], [row.guess for row in given.rows]
    for own in types_of(*sides, BIO):
        for one in own.estimates[:2]:
            assert f"{one.value:.3f} ({one.interval})" in text
        assert f"{own.f1:.3f} {own.f1_interval}" in text  # in two columns
    # Three sentences in four have mistakes; the last kind has two of them.
    found = cards(report)
    assert len(found) == 20
    assert "2 wrong" in found[0]
    # The surest comes first: sentence 39, where "a" was missed and the full stop found.
    assert "word39.0 word39.1 (a)" in found[0]
    assert "word39.4 (a, 89%)" in found[0]
    assert "1 wrong" in found[-1] or "2 wrong" in found[-1]
    row = re.search(r">missed altogether</th><td[^>]*>(\d+)<", report.render())
    assert row is not None
    assert row[1] == "10"


def test_questions_with_an_answer_and_without() -> None:
    report = answer_report(answers())
    text = page(report).text
    for part in (
        "answers 40 questions", "the text answers it", "the text does not", "said no answer",
        "ahead of the best words by +1.50 nats", "14 differ from it",
    ):  # fmt: skip
        assert part in text, part
    assert re.search(r"0\.\d{3} \(0\.\d{3} to \d\.\d{3}\)", text)  # exact match
    assert re.search(r"\d+\.\d% \(\d+\.\d% to \d+\.\d%\)", text)  # said no answer
    found = cards(report)
    assert len(found) == 14
    # Nothing shared with the right answer, and the surest: question 0, which has none.
    assert "(no answer)" in found[0]
    assert "born in Köln" in found[0]
    assert "F1 0.00, 90.0% sure" in found[0]
    always = page(answer_report(replace(answers(), threshold=None)))
    assert "so the model always answers" in always.text


def test_the_excerpt_holds_the_right_answer() -> None:
    text = "before " * 300 + "Köln" + " after" * 300
    row = AskedRow("where?", text, (("Köln", 2100),), "", 0, 0.5, Length(9, "whole"))
    shown = excerpt(row)
    assert "before Köln after" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) < 410
    assert "Köln" in excerpt(replace(row, context=text[:2104]))
    assert excerpt(replace(row, context="Köln")) == "Köln"


def test_the_worst_queries_come_first() -> None:
    report = ranking_report(rankings())
    text = page(report).text
    for part in (
        "ranks documents for 40 queries", "A relevant document comes first for 10 of 40 queries",
        "3 queries without a relevant document count in no figure", "below 100",
        "For 13 queries something was too long, and cut",
    ):  # fmt: skip
        assert part in text, part
    found = cards(report)
    assert len(found) == 20
    assert "who is it? 39" in found[0]
    assert "(place 196 of 500)" in found[0]
    assert "(cosine 0.750)" in found[0]


def test_pairs_that_are_out_of_order() -> None:
    report = graded_report(graded())
    text = page(report).text
    assert "Grade by grade" in text
    assert "mean cosine" in text
    # Pair 4 has one of the highest grades and a low cosine, pair 35 the other way round.
    first, second = cards(report)[:2]
    for part in ("a text 4\n", "above 90% of the pairs", "cosine 0.180, above 11%", "too low"):
        assert part in first, part
    for part in ("a text 35\n", "above 10% of the pairs", "too high"):
        assert part in second, part


def test_one_number_and_several() -> None:
    one = page(number_report(numbers()))
    for part in ("comes to stars", "Mean absolute error by stars", "mean guess", "Always giving"):
        assert part in one.text, part
    several = number_report(numbers(names=("stars", "price")))
    text = page(several).text
    for part in (
        "comes to 2 numbers",
        "Pearson of stars",
        "R2 of price",
        "Mean error in standard deviations",
    ):
        assert part in text, part
    worst = cards(several)[0]
    assert "stars" in worst
    assert "price" in worst
    with pytest.raises(ConfigError, match="has 0 rows for figures of 40"):
        replace(numbers(), rows=())


def test_labels_that_are_missing_and_too_many() -> None:
    report = label_set_report(label_sets())
    text = page(report).text
    for part in ("Label by label", "some are missing", "(no label)", "odd · even"):
        assert part in text, part
    assert "2 wrong" in cards(report)[0] or "3 wrong" in cards(report)[0]


def test_a_path_keeps_its_letters_in_the_verdict() -> None:
    words = replace(AGAINST, verdict=APART.verdict("runs/b", "runs/other"))
    shown = page(tag_report(tags(replace(ABOUT, against=words)))).text
    assert "runs/b is better than runs/other in F1" in shown
    assert "Runs/b" not in shown
    unclear = replace(AGAINST, verdict="no difference can be told")
    assert "No difference" in page(tag_report(tags(replace(ABOUT, against=unclear)))).text


def test_a_model_without_mistakes() -> None:
    right = tuple(replace(row, guess=row.truth, scores=(1.0, 1.0)) for row in tags().rows)
    text = page(tag_report(replace(tags(replace(ABOUT, against=None)), rows=right))).text
    assert "There are none: every span is found, and no other." in text
    assert "No span is missed" in text
    assert "Against" not in text
    none = TaggedRow(("a",), ("O",), ("O",), (), Length(3, "whole"))
    assert "There is no span" in page(tag_report(replace(tags(), rows=(none,)))).text


def test_parts_without_further_columns_have_none() -> None:
    from unmask.evaluation.slices import by_name, means
    from unmask.report.section_measured import Parts

    found = parts_table(Parts("part", "rows", "share", by_name(["a"] * 3, ["a"], means([1, 0, 1]))))
    assert "0.667" in found
    assert "too few rows" in found
