"""The report of a classifier's evaluation: from its facts to one page."""

from __future__ import annotations

from unmask.evaluation.slices import means
from unmask.report.facts_classifier import ClassifierFacts
from unmask.report.measured import measured
from unmask.report.page import Report
from unmask.report.pieces import Tile
from unmask.report.section_classifier import (
    classifier_figures,
    confusion_section,
    labels_section,
)
from unmask.report.section_measured import lead, length_section
from unmask.report.section_mistakes import confidence_section, surest_mistakes
from unmask.report.units import count, percent


def classifier_report(facts: ClassifierFacts) -> Report:
    """The report, ready to be rendered or saved."""
    figures, about = facts.figures, facts.about
    wrong = sum(not row.right for row in facts.rows)
    found = (
        f"The guess is right for {percent(figures.accuracy)} of the rows; {count(wrong)} "
        f"{'is' if wrong == 1 else 'are'} wrong."
    )
    lengths, right = [row.length for row in facts.rows], means([row.right for row in facts.rows])
    sections = [
        ("Label by label", labels_section(figures.labels)),
        ("Who is taken for whom", confusion_section(figures)),
    ]
    if figures.confidence is not None:
        sections.append(
            ("How sure it is", confidence_section(figures.accuracy, figures.confidence))
        )
    sections += [
        ("Short and long texts", length_section(lengths, right, "accuracy", "text", percent)),
        ("Its worst mistakes", surest_mistakes(facts.rows)),
    ]
    return measured(
        f"How well {about.model} tells {count(len(figures.labels))} labels",
        about,
        lead(about.data, found, lengths, "text", about.skipped),
        key_figures(facts),
        classifier_figures(facts),
        sections,
    )


def key_figures(facts: ClassifierFacts) -> list[Tile]:
    """The figures on top of the page, with their intervals."""
    figures = facts.figures
    between = figures.accuracy_interval
    tiles = [
        Tile(
            "Accuracy",
            percent(figures.accuracy),
            f"{percent(between.low)} to {percent(between.high)}",
        ),
        Tile("Macro F1", f"{figures.macro_f1:.3f}", f"{figures.macro_f1_interval}"),
    ]
    if figures.matthews is not None and figures.matthews.value is not None:
        tiles.append(
            Tile(
                "Matthews",
                f"{figures.matthews.value:.3f}",
                f"{figures.matthews.interval}",
            )
        )
    if figures.confidence is not None and figures.confidence.calibration_error.value is not None:
        error = figures.confidence.calibration_error
        tiles.append(Tile("Calibration error", f"{error.value:.3f}", f"{error.interval}"))
    tiles.append(Tile("Rows", count(figures.rows), f"{count(len(figures.labels))} labels"))
    return tiles
