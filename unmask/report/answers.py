"""The page of an evaluation of answers to questions: from its facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.answering import agreements
from unmask.evaluation.bootstrap import F64, Estimate
from unmask.evaluation.slices import by_name, means
from unmask.report.facts_measured import About, Length
from unmask.report.markup import Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Quotation, notes, prose
from unmask.report.section_measured import (
    LONGEST,
    MOST_MISTAKES,
    Line,
    Parts,
    clipped,
    in_cell,
    lead,
    length_section,
    mistakes_section,
    parts_chart,
    parts_table,
)
from unmask.report.units import count, percent, things

NONE = "(no answer)"
WITH, WITHOUT = "the text answers it", "the text does not"


@dataclass(frozen=True, slots=True)
class AskedRow:
    """A question, and what the model answers.

    Attributes:
        question: its words.
        context: the text.
        truths: the right answers, with their first character; none where the text has no answer.
        said: the answer; empty for "no answer".
        start: its first character.
        score: its probability, from 0 to 1.
        length: of question and text.
    """

    question: str
    context: str
    truths: tuple[tuple[str, int], ...]
    said: str
    start: int
    score: float
    length: Length


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """A model that finds answers, on questions with known ones.

    Attributes:
        about: what was measured, and another model.
        threshold: by how many nats "no answer" had to be ahead to be said; None where it never is.
        rows: the questions.
    """

    about: About
    threshold: float | None
    rows: tuple[AskedRow, ...]


def answer_report(facts: AnswerFacts) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows = facts.about, facts.rows
    each = agreements([row.said for row in rows], [_words(row) for row in rows])
    every, lengths = range(len(rows)), [row.length for row in rows]
    exact, f1 = (means(column)(every) for column in each.T)
    right = int(each[:, 0].sum())
    told = (
        f"The answer is word for word a right one for {percent(each[:, 0].mean())} of the "
        f"questions; {count(len(rows) - right)} differ from it."
    )
    tiles, figures = figures_of(_lines(exact, f1), ("questions", len(rows)))
    sections = [
        ("With an answer and without", _has_answer(facts, each)),
        ("Short and long texts", length_section(lengths, means(each[:, 1]), "F1", "question")),
        ("Its worst mistakes", _mistakes(rows, each)),
    ]
    return measured(
        f"How well {about.model} answers {things(len(rows), 'question')}",
        about,
        lead(about.data, told, lengths, "question", about.skipped),
        tiles,
        figures,
        sections,
    )


def _words(row: AskedRow) -> list[str]:
    return [text for text, _ in row.truths]


def _lines(exact: Estimate, f1: Estimate) -> list[Line]:
    return [
        Line("exact match", exact, "is one of the right answers, but for case, marks and articles"),
        Line("F1", f1, "how far it has the words of the nearest right answer"),
    ]


def _has_answer(facts: AnswerFacts, each: F64) -> Html:
    rows = facts.rows
    names = [WITH if row.truths else WITHOUT for row in rows]
    found = by_name(names, (WITH, WITHOUT), means(each[:, 1]))
    exact = by_name(names, (WITH, WITHOUT), means(each[:, 0]))
    none = by_name(names, (WITH, WITHOUT), means([not row.said for row in rows]))
    parts = Parts(
        "the question",
        "questions",
        "F1",
        found,
        {
            "said no answer": [in_cell(one.value, one.rows, percent) for one in none],
            "exact match": [in_cell(one.value, one.rows) for one in exact],
        },
    )
    rule = (
        "The folder has no threshold, so the model always answers."
        if facts.threshold is None
        else f"It says no answer where that is ahead of the best words by {facts.threshold:+.2f} "
        "nats or more. A higher threshold makes it answer more questions."
    )
    return join(
        [
            prose(
                "A question that the text does not answer counts 1 where no answer is given, and 0 "
                "else. A model can be good at one kind and poor at the other."
            ),
            parts_chart(parts, "F1 by whether the text answers the question"),
            parts_table(parts),
            notes([rule]),
        ]
    )


def _mistakes(rows: Sequence[AskedRow], each: F64) -> Html:
    wrong = sorted(
        (place for place in range(len(rows)) if each[place, 1] < 1),
        key=lambda place: (each[place, 1], -rows[place].score),
    )
    return mistakes_section(
        [_card(rows[place], float(each[place, 1])) for place in wrong[:MOST_MISTAKES]],
        len(wrong),
        "answers that differ most from the right ones, of {wrong} that differ. Of those that share "
        "no word with them, the ones that the model is surest of come first. Among them are "
        "questions with another right answer than those that are given.",
        "There are none: every answer is right.",
    )


def _card(row: AskedRow, f1: float) -> Quotation:
    right = " · ".join(dict.fromkeys(_words(row))) or NONE
    facts = (("right", clipped(right, 200)), ("given", clipped(row.said or NONE, 200)))
    words = f"{clipped(row.question, 200)}\n{excerpt(row)}"
    return Quotation(words, facts, f"F1 {f1:.2f}, {percent(row.score)} sure")


def excerpt(row: AskedRow, most: int = LONGEST) -> str:
    """The text around the right answer, or around what was given where there is none."""
    text, start = row.truths[0] if row.truths else (row.said, row.start)
    if len(row.context) <= most:
        return row.context
    begin = min(max(0, start - (most - len(text)) // 2), max(0, len(row.context) - most))
    end = begin + most
    before, after = "…" * (begin > 0), "…" * (end < len(row.context))
    return f"{before}{row.context[begin:end]}{after}"
