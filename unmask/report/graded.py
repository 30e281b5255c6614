"""The page of vectors held against graded pairs of texts: from its facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from unmask.evaluation.bootstrap import F64, Estimate
from unmask.evaluation.regression import RegressionFigures
from unmask.evaluation.slices import by_value, means
from unmask.report.facts_measured import About, Length
from unmask.report.markup import Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Quotation, prose
from unmask.report.section_measured import (
    MOST_MISTAKES,
    Line,
    Parts,
    clipped,
    lead,
    length_section,
    mistakes_section,
    parts_chart,
    parts_table,
)
from unmask.report.units import percent, things

SHOWN = 200  # characters of each text


@dataclass(frozen=True, slots=True)
class GradedRow:
    """Two texts with their grade.

    Attributes:
        first, second: the texts.
        grade: how alike people find them.
        alike: how alike their vectors are.
        length: of the longer one.
    """

    first: str
    second: str
    grade: float
    alike: float
    length: Length


@dataclass(frozen=True, slots=True)
class GradedFacts:
    """An embedding model on graded pairs.

    Attributes:
        about: what was measured, and another model.
        similarity: how vectors are compared, such as "cosine".
        rows: the pairs.
    """

    about: About
    similarity: str
    rows: tuple[GradedRow, ...]


def graded_report(facts: GradedFacts) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows, lengths = facts.about, facts.rows, [row.length for row in facts.rows]
    grades, alike = (np.array(one) for one in zip(*((r.grade, r.alike) for r in rows), strict=True))

    def spearman(places: Sequence[int]) -> Estimate:
        own = list(places)
        return RegressionFigures.of(grades[own], alike[own]).numbers[0].spearman

    (figures,) = RegressionFigures.of(grades, alike).numbers
    lines = [
        Line("Spearman", figures.spearman, "whether more alike pairs have higher grades"),
        Line("Pearson", figures.pearson, "whether similarity grows evenly with the grade"),
    ]
    tiles, section = figures_of(lines, ("pairs", len(rows)))
    found = f"Pairs are compared by {facts.similarity}; only their order counts for Spearman."
    by_length = length_section(lengths, spearman, "Spearman", "pair")
    return measured(
        f"How well {about.model} tells which of {things(len(rows), 'pair')} are alike",
        about,
        lead(about.data, found, lengths, "pair", about.skipped),
        tiles,
        section,
        [
            ("Grade by grade", _grades(facts, grades, alike)),
            ("Short and long texts", join([prose("Of a pair the longer text counts."), by_length])),
            ("Its worst mistakes", _mistakes(facts, grades, alike)),
        ],
    )


def _grades(facts: GradedFacts, grades: F64, alike: F64) -> Html:
    found = by_value(grades, means(alike))
    parts = Parts("grade", "pairs", f"mean {facts.similarity}", found)
    return join(
        [
            prose("How alike the vectors of pairs are, by their grade. It should rise."),
            parts_chart(parts, "Mean similarity by grade"),
            parts_table(parts),
        ]
    )


def _mistakes(facts: GradedFacts, grades: F64, alike: F64) -> Html:
    # Among so many pairs, the share that stands below: 0.5 is the middle.
    shares = [(rankdata(side) - 0.5) / len(side) for side in (grades, alike)]
    apart = shares[1] - shares[0]
    order = [int(place) for place in np.argsort(-np.abs(apart), kind="stable") if apart[place] != 0]
    return mistakes_section(
        [
            _card(facts, facts.rows[place], float(shares[0][place]), float(shares[1][place]))
            for place in order[:MOST_MISTAKES]
        ],
        len(order),
        "pairs whose place by similarity is furthest from their place by grade, of {wrong} that "
        "are out of place. Read them first: among them are grades that others would not give.",
        "There are none: the order is that of the grades.",
    )


def _card(facts: GradedFacts, row: GradedRow, right: float, given: float) -> Quotation:
    words = f"{clipped(row.first, SHOWN)}\n{clipped(row.second, SHOWN)}"
    below = "above {} of the pairs"
    said = (
        ("right", f"grade {row.grade:.3g}, {below.format(percent(right, 0))}"),
        ("given", f"{facts.similarity} {row.alike:.3f}, {below.format(percent(given, 0))}"),
    )
    return Quotation(words, said, "too high" if given > right else "too low")
