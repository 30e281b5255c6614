"""The report of a classifier's evaluation: from its facts to one page."""

from __future__ import annotations

from unmask.report.facts_classifier import ClassifierFacts
from unmask.report.page import Report
from unmask.report.pieces import Tile
from unmask.report.section_classifier import (
    against_section,
    confusion_section,
    figures_section,
    labels_section,
)
from unmask.report.section_mistakes import confidence_section, length_section, mistakes_section
from unmask.report.units import count, percent


def classifier_report(facts: ClassifierFacts) -> Report:
    """The report, ready to be rendered or saved."""
    report = Report(
        f"How well {facts.model} tells {count(len(facts.figures.labels))} labels",
        lead=lead(facts),
        when=facts.when,
        footer="Made by unmask. This page is one file: it loads nothing and runs no script.",
    )
    report.tiles(key_figures(facts))
    report.section("Figures", figures_section(facts))
    if facts.against is not None:
        report.section(f"Against {facts.against.other}", against_section(facts, facts.against))
    report.section("Label by label", labels_section(facts))
    report.section("Who is taken for whom", confusion_section(facts.figures))
    if facts.figures.confidence is not None:
        report.section(
            "How sure it is", confidence_section(facts.figures, facts.figures.confidence)
        )
    report.section("Short and long texts", length_section(facts))
    report.section("Its worst mistakes", mistakes_section(facts))
    return report


def lead(facts: ClassifierFacts) -> str:
    """What was measured, and what came out, in two sentences or so."""
    figures = facts.figures
    wrong = sum(not row.right for row in facts.rows)
    words = (
        f"Measured on {facts.data}. The guess is right for {percent(figures.accuracy)} of the "
        f"rows; {count(wrong)} {'is' if wrong == 1 else 'are'} wrong. Below a figure stands its "
        "95 % interval."
    )
    if facts.truncated:
        cut = "1 text was" if facts.truncated == 1 else f"{count(facts.truncated)} texts were"
        words += f" {cut} longer than the model's context, and only its beginning was read."
    if facts.skipped:
        words += f" {count(facts.skipped)} bad places of the data were left out."
    return words


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
