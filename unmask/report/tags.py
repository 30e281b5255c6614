"""The page of a tagger's evaluation: from its facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.bootstrap import F64
from unmask.evaluation.slices import Slice
from unmask.evaluation.tag_mistakes import SpanMistakes
from unmask.evaluation.tagging import TypeFigures, counts_of, estimates, types_of
from unmask.report.facts_measured import About, Length
from unmask.report.markup import NOTHING, Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Column, Quotation, callout, notes, prose, subheading, table
from unmask.report.section_measured import (
    MOST_MISTAKES,
    Line,
    Parts,
    clipped,
    counted_table,
    in_cell,
    lead,
    length_section,
    mistakes_section,
    parts_chart,
    parts_table,
)
from unmask.report.units import count, things
from unmask.text.tags import Scheme, WordSpan

MOST_TYPES = 60  # rows of the table of types
MOST_BARS = 20
MOST_TAKEN = 10
MOST_SPANS = 12  # of a sentence that are written out


@dataclass(frozen=True, slots=True)
class TaggedRow:
    """A sentence, and what the tagger says of it.

    Attributes:
        words: of the sentence.
        truth, guess: a tag for each, both in the same scheme.
        scores: of the spans that are guessed, in their order, from 0 to 1.
        length: of the sentence.
    """

    words: tuple[str, ...]
    truth: tuple[str, ...]
    guess: tuple[str, ...]
    scores: tuple[float, ...]
    length: Length


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tagger on tagged sentences.

    Attributes:
        about: what was measured, and another tagger.
        scheme: of all tags.
        rows: the sentences.
    """

    about: About
    scheme: Scheme
    rows: tuple[TaggedRow, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A row with its spans."""

    row: TaggedRow
    truth: tuple[WordSpan, ...]
    guess: tuple[WordSpan, ...]

    @property
    def missed(self) -> list[WordSpan]:
        return [span for span in self.truth if span not in self.guess]

    @property
    def wrong(self) -> list[tuple[WordSpan, float]]:
        both = zip(self.guess, self.row.scores, strict=True)
        return [(span, score) for span, score in both if span not in self.truth]


def tag_report(facts: TagFacts) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows, scheme = facts.about, facts.rows, facts.scheme
    sentences = [
        _Sentence(row, tuple(scheme.spans(row.truth)), tuple(scheme.spans(row.guess)))
        for row in rows
    ]
    sides = [row.truth for row in rows], [row.guess for row in rows]
    counts = counts_of(*sides, scheme)
    lengths = [row.length for row in rows]
    right, found, spans = (int(one) for one in counts[:, :3].sum(0))
    types = {span.label for one in sentences for span in one.truth}
    told = (
        f"It finds {things(found, 'span')}, of which {count(right)} are right, where there are "
        f"{count(spans)}."
    )
    tiles, figures = figures_of(_lines(counts), ("sentences", len(rows)))
    sections = [
        ("Type by type", _types(types_of(*sides, scheme))),
        ("How spans are missed", _kinds(sentences)),
        (
            "Short and long sentences",
            length_section(
                lengths,
                lambda places: estimates(counts[list(places)])["F1"],
                "F1",
                "sentence",
            ),
        ),
        ("Its worst mistakes", _mistakes(sentences)),
    ]
    return measured(
        f"How well {about.model} tags {things(len(types), 'type')} of spans",
        about,
        lead(about.data, told, lengths, "sentence", about.skipped),
        tiles,
        figures,
        sections,
    )


def _lines(counts: F64) -> list[Line]:
    found = estimates(counts)
    meanings = {
        "F1": "of whole spans: first word, last word and type must be right",
        "precision": "share of the spans found that are right",
        "recall": "share of the true spans that are found",
        "token accuracy": "words whose tag is right; always high, most are outside of spans",
    }
    return [Line(name, found[name], meaning) for name, meaning in meanings.items()]


def _types(figures: Sequence[TypeFigures]) -> Html:
    if not figures:
        return callout("There is no span, in truth or found.")
    worst = sorted(figures, key=lambda one: (one.spans == 0, one.f1))
    shown = worst[:MOST_TYPES]
    known = [one.estimates for one in shown]
    parts = Parts(
        "type",
        "spans",
        "F1",
        [
            Slice(one.label or "(no name)", one.spans, f1)
            for one, (_, _, f1) in zip(shown, known, strict=True)
        ],
        {
            name: [in_cell(own[place], one.spans) for one, own in zip(shown, known, strict=True)]
            for place, name in enumerate(("precision", "recall"))
        },
    )
    left = len(worst) - len(shown)
    more = [f"{count(left)} more types, whose F1 is higher, are not shown."] if left > 0 else []
    return join(
        [
            prose(
                "Recall is the share of a type's spans that were found, precision the share of "
                "right ones among those found, and F1 their harmonic mean. The type with the "
                "lowest F1 comes first. Intervals are over the sentences."
            ),
            parts_chart(parts, "F1 by type") if len(shown) <= MOST_BARS else NOTHING,
            parts_table(parts),
            notes(more),
        ]
    )


def _kinds(sentences: Sequence[_Sentence]) -> Html:
    found = SpanMistakes.of([one.truth for one in sentences], [one.guess for one in sentences])
    if not any(number for _, number in found.kinds):
        return callout("No span is missed, and none is wrong.", "", "good")
    parts = [
        prose(
            "What is wrong with spans that are not right, and how many true ones are touched by "
            "none that is found."
        ),
        counted_table("what is wrong", "spans", found.kinds),
    ]
    if found.taken:
        columns = [Column("type"), Column("taken for"), Column("spans", "numbers")]
        rows = [(true, given, count(number)) for true, given, number in found.taken[:MOST_TAKEN]]
        parts += [subheading("Types taken for each other"), table(columns, rows, width="slim")]
    return join(parts)


def _mistakes(sentences: Sequence[_Sentence]) -> Html:
    def badness(one: _Sentence) -> tuple[int, float]:
        return len(one.missed) + len(one.wrong), max((s for _, s in one.wrong), default=0.0)

    wrong = sorted((one for one in sentences if one.missed or one.wrong), key=badness, reverse=True)
    return mistakes_section(
        [_card(one) for one in wrong[:MOST_MISTAKES]],
        len(wrong),
        "sentences with the most mistakes, of {wrong} that have some: spans that are missed, and "
        "spans found that are none. Where as many are wrong, the span that it was surest of "
        "decides. A span whose type or ends are wrong stands in both lists.",
        "There are none: every span is found, and no other.",
    )


def _card(one: _Sentence) -> Quotation:
    right = [span for span in one.guess if span in one.truth]
    facts = [
        ("right", _spelt(one, [(span, None) for span in one.missed]) or "no further span"),
        ("given", _spelt(one, one.wrong) or "no further span"),
    ]
    if right:
        facts.append(("both", _spelt(one, [(span, None) for span in right])))
    return Quotation(
        clipped(" ".join(one.row.words)), facts, f"{len(one.missed) + len(one.wrong)} wrong"
    )


def _spelt(one: _Sentence, spans: Sequence[tuple[WordSpan, float | None]]) -> str:
    """Spans with their types, and how sure the tagger is of them."""
    words = []
    for span, score in spans[:MOST_SPANS]:
        text = " ".join(one.row.words[span.first : span.end])
        sure = "" if score is None else f", {score:.0%}"
        words.append(f"{clipped(text, 60)} ({span.label or 'span'}{sure})")
    more = [f"{len(spans) - MOST_SPANS} more"] if len(spans) > MOST_SPANS else []
    return " · ".join([*words, *more])
