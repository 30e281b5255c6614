"""The page of a model that gives numbers: from its facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.evaluation.bootstrap import F64
from unmask.evaluation.regression import NumberFigures, RegressionFigures
from unmask.evaluation.slices import by_value, means
from unmask.report.facts_measured import About, Length, check_rows
from unmask.report.markup import Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Quotation, prose, subheading
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
from unmask.report.units import things

MOST_NUMBERS = 6  # whose low and high rows are shown
ERROR = "mean absolute error"


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A row, and the numbers that the model gives.

    Attributes:
        text: of the row.
        truth, guess: K numbers each.
        length: of the text.
    """

    text: str
    truth: tuple[float, ...]
    guess: tuple[float, ...]
    length: Length


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """A model that gives numbers, on rows that have them.

    Attributes:
        about: what was measured, and another model.
        figures: over all rows, with the names of the K numbers.
        rows: each of them.
    """

    about: About
    figures: RegressionFigures
    rows: tuple[NumberRow, ...]

    def __post_init__(self) -> None:
        """Check that the rows are those of the figures."""
        check_rows(self.rows, self.figures.rows)


def number_report(facts: NumberFacts) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows, names = facts.about, facts.rows, [one.name for one in facts.figures.numbers]
    truth, guess = (
        np.array(side) for side in zip(*((r.truth, r.guess) for r in rows), strict=True)
    )
    errors, lengths = np.abs(guess - truth), [row.length for row in rows]
    spread = np.maximum(truth.std(0), 1e-12)
    one = len(names) == 1
    by_row = errors[:, 0] if one else (errors / spread).mean(1)
    figure = ERROR if one else "mean error in standard deviations"
    tiles, figures = figures_of(
        _lines(facts.figures.numbers), ("rows", len(rows)), _simplest(truth, names)
    )
    sections = [
        ("Low and high numbers", _bands(truth, guess, names)),
        ("Short and long texts", length_section(lengths, means(by_row), figure, "text")),
        ("Its worst mistakes", _mistakes(facts, (errors / spread).max(1))),
    ]
    what = names[0] if one else things(len(names), "number")
    found = (
        "Errors are in the number's own unit." if one else "Errors are in each number's own unit."
    )
    return measured(
        f"How near {about.model} comes to {what}",
        about,
        lead(about.data, found, lengths, "text", about.skipped),
        tiles,
        figures,
        sections,
    )


def _lines(numbers: Sequence[NumberFigures]) -> list[Line]:
    figures = (
        (ERROR, "absolute_error", "less is better"),
        ("root mean squared error", "squared_error", "the same, but large errors count more"),
        ("R2", "r2", "1 is perfect, 0 what the mean of these rows would come to"),
        ("Pearson", "pearson", "correlation of the numbers"),
        ("Spearman", "spearman", "correlation of their ranks"),
    )
    return [
        Line(
            name if len(numbers) == 1 else f"{name} of {one.name}", getattr(one, attribute), meaning
        )
        for name, attribute, meaning in figures
        for one in numbers
    ]


def _simplest(truth: F64, names: Sequence[str]) -> list[str]:
    """What a model without any idea would come to."""
    errors = np.abs(truth - np.median(truth, axis=0)).mean(0)
    whose = (
        ["", *(f" of {name}" for name in names)]
        if len(names) == 1
        else [f" of {name}" for name in names]
    )
    return [
        f"Always giving the median{which} of these rows would have a {ERROR} of {error:.3f}."
        for which, error in zip(whose, errors, strict=False)
    ]


def _bands(truth: F64, guess: F64, names: Sequence[str]) -> Html:
    parts = [
        prose(
            "Rows by their true number. Where low ones are guessed too high and high ones too low, "
            "the model plays safe: it stays near the middle."
        )
    ]
    for place, name in enumerate(names[:MOST_NUMBERS]):
        true, given = truth[:, place], guess[:, place]
        found = by_value(true, means(np.abs(given - true)))
        beside = [by_value(true, means(side)) for side in (true, given)]
        cells = [[f"{one.value.value or 0.0:.3f}" for one in side] for side in beside]
        own = Parts(name, "rows", ERROR, found, {"mean truth": cells[0], "mean guess": cells[1]})
        head = [subheading(name)] if len(names) > 1 else []
        parts += [*head, parts_chart(own, f"Mean absolute error by {name}"), parts_table(own)]
    return join(parts)


def _mistakes(facts: NumberFacts, badness: F64) -> Html:
    order = [int(place) for place in np.argsort(-badness, kind="stable") if badness[place] > 0]
    names = [one.name for one in facts.figures.numbers]
    return mistakes_section(
        [_card(facts.rows[place], names, float(badness[place])) for place in order[:MOST_MISTAKES]],
        len(order),
        "rows with the largest errors, in standard deviations of the number, of {wrong} that are "
        "not exact. Read them first: among them are mistakes of the data.",
        "There are none: every number is right.",
    )


def _card(row: NumberRow, names: Sequence[str], badness: float) -> Quotation:
    if len(names) == 1:
        facts = [("right", f"{row.truth[0]:.4g}"), ("given", f"{row.guess[0]:.4g}")]
    else:
        facts = [
            (name, f"right {true:.4g}, given {given:.4g}")
            for name, true, given in zip(names, row.truth, row.guess, strict=True)
        ]
    return Quotation(clipped(row.text), facts, f"off by {badness:.1f} sd")
