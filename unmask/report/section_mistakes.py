"""The later sections of a classifier's report: how sure it is, and its worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.confidence import ConfidenceFigures
from unmask.evaluation.reranking import SureFigures
from unmask.report.facts_classifier import AnsweredRow
from unmask.report.markup import Html, join
from unmask.report.pieces import Column, Quotation, callout, figure, prose, table
from unmask.report.reliability import reliability
from unmask.report.section_measured import MOST_MISTAKES, clipped, mistakes_section
from unmask.report.units import count, percent


def confidence_section(accuracy: float, said: ConfidenceFigures | SureFigures) -> Html:
    """The calibration curve: what it says of its guesses, and how many of them are right."""
    filled = [
        (one.confidence, one.accuracy, one)
        for one in said.bins
        if one.confidence is not None and one.accuracy is not None
    ]
    rows = [
        (
            f"{one.low:.2f} to {one.high:.2f}",
            count(one.rows),
            f"{sure:.3f}",
            f"{right:.3f}",
        )
        for sure, right, one in filled
    ]
    columns = [Column("probability")]
    columns += [Column(name, "numbers") for name in ("rows", "mean probability", "share right")]
    return join(
        [
            callout(*_sure_in_words(accuracy, said)),
            figure(
                reliability(said.bins),
                "Each dot stands for the guesses with about the same probability, the larger the "
                "more of them. Below the line the model is too sure of itself, above it not sure "
                "enough. Small dots may lie anywhere by chance.",
                width="medium",
            ),
            table(columns, rows, width="slim"),
            prose(
                f"The calibration error is the mean distance from the line over all rows, in "
                f"{len(said.bins)} bins of equal width, of which those with rows are shown. With "
                "few rows it is above 0 even for a perfectly calibrated model; its interval allows "
                "for that."
            ),
        ]
    )


def _sure_in_words(accuracy: float, said: ConfidenceFigures | SureFigures) -> tuple[str, str]:
    rows = sum(one.rows for one in said.bins)
    sure = sum((one.confidence or 0.0) * one.rows for one in said.bins) / rows
    error = said.calibration_error
    if error.interval is not None and error.interval.low == 0.0:
        return (
            "Its probabilities can be taken at their word, as far as these rows can tell.",
            f"It gives its guesses {percent(sure)} on average, and {percent(accuracy)} of them are "
            "right.",
        )
    which = "too sure of itself" if sure > accuracy else "not sure enough of itself"
    return (
        f"It is {which}: it gives its guesses {percent(sure)} on average, and "
        f"{percent(accuracy)} of them are right.",
        "Do not read its probabilities as chances of being right. A temperature fitted on held-out "
        "rows mends most of that and changes no guess.",
    )


def surest_mistakes(rows: Sequence[AnsweredRow]) -> Html:
    """The wrong guesses that the model was surest of."""
    wrong = sorted((row for row in rows if not row.right), key=lambda row: -row.score)
    return mistakes_section(
        [_quoted(row) for row in wrong[:MOST_MISTAKES]],
        len(wrong),
        "wrong guesses of {wrong} that the model is surest of. Read them first: among them are "
        "mistakes of the labels, texts that fit two labels, and what the model has not understood.",
        "There are none: every guess is right.",
    )


def _quoted(row: AnsweredRow) -> Quotation:
    facts = (("label", row.truth), ("guess", row.guess))
    return Quotation(clipped(row.text), facts, percent(row.score))
