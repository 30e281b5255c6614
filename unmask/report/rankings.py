"""The page of rankings of documents for queries, by a reranker or by vectors: facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.ranking import RankingFigures
from unmask.evaluation.reranking import SureFigures
from unmask.evaluation.slices import means
from unmask.report.facts_measured import About, Length
from unmask.report.markup import Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Quotation, prose
from unmask.report.section_measured import (
    MOST_MISTAKES,
    Line,
    clipped,
    counted_table,
    lead,
    length_section,
    mistakes_section,
)
from unmask.report.section_mistakes import confidence_section
from unmask.report.units import count, things

SHOWN = 220  # characters of a document that are shown
RANKS = ((1, 1), (2, 3), (4, 10), (11, 100))


@dataclass(frozen=True, slots=True)
class RankedQuery:
    """A query with a relevant document, and how its documents are ranked.

    Attributes:
        text: the query.
        gain: its nDCG@10.
        relevant: the relevant document that is ranked best.
        rank: of that document, from 1.
        first: the document that is ranked first.
        score: of that one.
        documents: how many are ranked.
        length: of the query and its documents; see `Rankings.lengths`.
    """

    text: str
    gain: float
    relevant: str
    rank: int
    first: str
    score: float
    documents: int
    length: Length


@dataclass(frozen=True, slots=True)
class Rankings:
    """A model that ranks documents for queries.

    Attributes:
        about: what was measured, and another model.
        figures: the main one first.
        rows: the queries that the figures are means over.
        left_out: queries that have no relevant document.
        scale: what a score is, as "cosine" or "logit".
        lengths: what the lengths of the queries are, in words, such as "the longest pair of each".
        remarks: what else should be known.
        sure: how far scores can be relied on as probabilities; None where they are none.
    """

    about: About
    figures: tuple[Line, ...]
    rows: tuple[RankedQuery, ...]
    left_out: int
    scale: str
    lengths: str
    remarks: tuple[str, ...] = ()
    sure: SureFigures | None = None


MEANINGS = {
    "nDCG": "1 where the relevant documents come first; less the further down they are",
    "MRR": "mean of 1 over the place of the first relevant document",
    "MAP": "mean precision at the places of the relevant documents",
    "recall": "share of the relevant documents that are among so many",
}


def ranking_lines(figures: RankingFigures) -> list[Line]:
    """The figures of rankings, with what they say."""
    return [Line(one.name, one.mean, MEANINGS[one.name.split("@")[0]]) for one in figures.figures]


def ranking_report(facts: Rankings) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows = facts.about, facts.rows
    lengths, first = [row.length for row in rows], sum(row.rank == 1 for row in rows)
    told = (
        f"A relevant document comes first for {count(first)} of {things(len(rows), 'query')}, and "
        f"not first for {count(len(rows) - first)}."
    )
    for how, words in (("cut", "cut"), ("parts", "read in parts")):
        if long := sum(one.how == how for one in lengths):
            told += f" For {things(long, 'query')} something was too long, and {words}."
    left = (
        [f"{things(facts.left_out, 'query')} without a relevant document count in no figure."]
        if facts.left_out
        else []
    )
    tiles, figures = figures_of(facts.figures, ("queries", len(rows)), [*left, *facts.remarks])
    by_length = length_section(lengths, means([row.gain for row in rows]), "nDCG@10", "query")
    sections = [
        ("Where the relevant documents are", _places(rows)),
        ("Short and long texts", join([prose(facts.lengths), by_length])),
        ("Its worst queries", _worst(facts)),
    ]
    if facts.sure is not None and facts.sure.accuracy is not None:
        sections.insert(1, ("How sure it is", confidence_section(facts.sure.accuracy, facts.sure)))
    return measured(
        f"How well {about.model} ranks documents for {things(len(rows), 'query')}",
        about,
        lead(about.data, told, (), "query", about.skipped),
        tiles,
        figures,
        sections,
    )


def _places(rows: Sequence[RankedQuery]) -> Html:
    found = [
        (str(low) if low == high else f"{low} to {high}", _between(rows, low, high))
        for low, high in RANKS
    ]
    beyond = len(rows) - sum(number for _, number in found)
    kinds = [*found, (f"below {RANKS[-1][1]}", beyond)]
    return join(
        [
            prose(
                "At which place a reader who goes through a query's ranking meets the first "
                "relevant document."
            ),
            counted_table("place", "queries", [kind for kind in kinds if kind[1]]),
        ]
    )


def _between(rows: Sequence[RankedQuery], low: int, high: int) -> int:
    return sum(low <= row.rank <= high for row in rows)


def _worst(facts: Rankings) -> Html:
    wrong = sorted(
        (row for row in facts.rows if row.gain < 1), key=lambda row: (row.gain, -row.rank)
    )
    return mistakes_section(
        [_card(row, facts.scale) for row in wrong[:MOST_MISTAKES]],
        len(wrong),
        "queries with the worst nDCG@10, of {wrong} that are not perfect. Where it is the same, "
        "the one whose relevant document is furthest down comes first. Among them are queries that "
        "the document given answers as well: nobody has judged it.",
        "There are none: every ranking is perfect.",
    )


def _card(row: RankedQuery, scale: str) -> Quotation:
    given = (
        "the same; another relevant document is too far down"
        if row.rank == 1
        else f"{clipped(row.first, SHOWN)} ({scale} {row.score:.3f})"
    )
    where = f"{count(row.rank)} of {count(row.documents)}"
    facts = (("right", f"{clipped(row.relevant, SHOWN)} (place {where})"), ("given", given))
    return Quotation(clipped(row.text), facts, f"nDCG {row.gain:.2f}")
