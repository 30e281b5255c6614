"""The page of a model that gives any number of labels: from its facts to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.evaluation.slices import means
from unmask.report.facts_measured import About, Length, check_rows
from unmask.report.markup import Html, join
from unmask.report.measured import figures_of, measured
from unmask.report.page import Report
from unmask.report.pieces import Quotation, prose
from unmask.report.section_classifier import labels_section
from unmask.report.section_measured import (
    MOST_MISTAKES,
    Line,
    clipped,
    counted_table,
    lead,
    length_section,
    mistakes_section,
)
from unmask.report.units import count, percent

NONE = "(no label)"


@dataclass(frozen=True, slots=True)
class LabelSetRow:
    """A row, and the labels that the model gives.

    Attributes:
        text: of the row.
        truth, guess: labels, in the model's order.
        length: of the text.
    """

    text: str
    truth: tuple[str, ...]
    guess: tuple[str, ...]
    length: Length

    @property
    def missing(self) -> list[str]:
        """Labels that are not given."""
        return [one for one in self.truth if one not in self.guess]

    @property
    def added(self) -> list[str]:
        """Labels that are given and wrong."""
        return [one for one in self.guess if one not in self.truth]

    @property
    def right(self) -> bool:
        """Whether all its labels are right, and none is missing."""
        return not self.missing and not self.added


@dataclass(frozen=True, slots=True)
class LabelSetFacts:
    """A model that gives any number of labels, on rows that have them.

    Attributes:
        about: what was measured, and another model.
        figures: over all rows.
        rows: each of them.
    """

    about: About
    figures: MultiLabelFigures
    rows: tuple[LabelSetRow, ...]

    def __post_init__(self) -> None:
        """Check that the rows are those of the figures."""
        check_rows(self.rows, self.figures.rows)


def label_set_report(facts: LabelSetFacts) -> Report:
    """The report, ready to be rendered or saved."""
    about, rows, figures = facts.about, facts.rows, facts.figures
    lengths, exact = [row.length for row in rows], means([row.right for row in rows])
    wrong = sum(not row.right for row in rows)
    share = percent(1 - wrong / len(rows))
    found = f"All labels are right for {share} of the rows; {count(wrong)} have a mistake."
    by_length = length_section(lengths, exact, "subset accuracy", "text", percent)
    tiles, section = figures_of(_lines(figures), ("rows", figures.rows))
    return measured(
        f"How well {about.model} gives {count(len(figures.labels))} labels",
        about,
        lead(about.data, found, lengths, "text", about.skipped),
        tiles,
        section,
        [
            ("Label by label", labels_section(figures.labels)),
            ("Too many and too few", _counts(rows)),
            ("Short and long texts", by_length),
            ("Its worst mistakes", _mistakes(rows)),
        ],
    )


def _lines(figures: MultiLabelFigures) -> list[Line]:
    return [
        Line("subset accuracy", figures.subset_accuracy, "rows whose labels are all right"),
        Line("micro F1", figures.micro_f1, "over all decisions, so a frequent label counts more"),
        Line("macro F1", figures.macro_f1, "mean over the labels, each counting the same"),
        Line("samples F1", figures.samples_f1, "mean over the rows; rightly no label counts 1"),
    ]


def _counts(rows: Sequence[LabelSetRow]) -> Html:
    kinds = {
        "all right": sum(row.right for row in rows),
        "some are missing": sum(bool(row.missing) and not row.added for row in rows),
        "some are too many": sum(bool(row.added) and not row.missing for row in rows),
        "both": sum(bool(row.added) and bool(row.missing) for row in rows),
    }
    words = prose(
        "Which way the labels of a row are wrong. Where most rows lack labels, thresholds are too "
        "high; where most have too many, too low."
    )
    return join([words, counted_table("labels", "rows", list(kinds.items()))])


def _mistakes(rows: Sequence[LabelSetRow]) -> Html:
    def wrong(row: LabelSetRow) -> int:
        return len(row.missing) + len(row.added)

    order = sorted((row for row in rows if wrong(row)), key=wrong, reverse=True)
    return mistakes_section(
        [_card(row, wrong(row)) for row in order[:MOST_MISTAKES]],
        len(order),
        "rows with the most wrong labels, of {wrong} that have some: labels that are missing, and "
        "labels that are too many.",
        "There are none: every row has its labels.",
    )


def _card(row: LabelSetRow, wrong: int) -> Quotation:
    facts = (("right", " · ".join(row.truth) or NONE), ("given", " · ".join(row.guess) or NONE))
    return Quotation(clipped(row.text), facts, f"{wrong} wrong")
