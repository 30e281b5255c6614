"""The later sections of a classifier's report: how sure it is, lengths, worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.confidence import ConfidenceFigures
from unmask.evaluation.slices import FEW, Slice, by_length
from unmask.report.charts import Bar, bars
from unmask.report.facts_classifier import AnsweredRow, ClassifierFacts
from unmask.report.markup import NOTHING, Html, join
from unmask.report.pieces import (
    Column,
    Quotation,
    callout,
    figure,
    notes,
    prose,
    quotations,
    table,
)
from unmask.report.reliability import reliability
from unmask.report.units import count, percent

MOST_MISTAKES = 20
LONGEST = 400  # characters of a text that are shown


def confidence_section(figures: ClassificationFigures, said: ConfidenceFigures) -> Html:
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
            callout(*_sure_in_words(figures, said)),
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


def _sure_in_words(figures: ClassificationFigures, said: ConfidenceFigures) -> tuple[str, str]:
    rows = sum(one.rows for one in said.bins)
    sure = sum((one.confidence or 0.0) * one.rows for one in said.bins) / rows
    error = said.calibration_error
    if error.interval is not None and error.interval.low == 0.0:
        return (
            "Its probabilities can be taken at their word, as far as these rows can tell.",
            f"It gives its guesses {percent(sure)} on average, and {percent(figures.accuracy)} of "
            "them are right.",
        )
    which = "too sure of itself" if sure > figures.accuracy else "not sure enough of itself"
    return (
        f"It is {which}: it gives its guesses {percent(sure)} on average, and "
        f"{percent(figures.accuracy)} of them are right.",
        "Do not read its probabilities as chances of being right. A temperature fitted on held-out "
        "rows mends most of that and changes no guess.",
    )


def length_section(facts: ClassifierFacts) -> Html:
    """Accuracy by the number of tokens."""
    parts = by_length([row.tokens for row in facts.rows], [row.right for row in facts.rows])
    cut = (
        [f"{count(facts.truncated)} of the texts were cut to the model's context."]
        if facts.truncated
        else []
    )
    words = prose(
        "Accuracy on texts of about the same length, in tokens. A model may do worse on lengths "
        "that it has seen little of, and on texts that were cut."
    )
    return join([words, _sliced(parts, "tokens"), notes(cut)])


def _sliced(parts: Sequence[Slice], what: str) -> Html:
    shares = [one.accuracy.value or 0.0 for one in parts]
    rows = [
        (one.name, count(one.rows), percent(share), _percents(one))
        for one, share in zip(parts, shares, strict=True)
    ]
    drawn = [
        Bar(f"{one.name} {what}", share, percent(share), "c0")
        for one, share in zip(parts, shares, strict=True)
    ]
    columns = [Column(what)]
    columns += [Column(name, "numbers") for name in ("rows", "accuracy", "95 % interval")]
    chart = (
        figure(bars(drawn, title="Accuracy by length", width=560), width="medium")
        if len(parts) > 1
        else NOTHING
    )
    return join([chart, table(columns, rows, width="slim")])


def _percents(one: Slice) -> str:
    between = one.accuracy.interval
    if between is None or one.rows < FEW:
        return "too few rows"
    return f"{percent(between.low)} to {percent(between.high)}"


def mistakes_section(facts: ClassifierFacts) -> Html:
    """The wrong guesses that the model was surest of."""
    wrong = sorted((row for row in facts.rows if not row.right), key=lambda row: -row.score)
    if not wrong:
        return callout("There are none: every guess is right.", "", "good")
    shown = wrong[:MOST_MISTAKES]
    return join(
        [
            prose(
                f"The {count(len(shown))} wrong guesses of {count(len(wrong))} that the model is "
                "surest of. Read them first: among them are mistakes of the labels, texts that fit "
                "two labels, and what the model has not understood."
            )
            if len(wrong) > 1
            else NOTHING,
            quotations([_quoted(row) for row in shown]),
        ]
    )


def _quoted(row: AnsweredRow) -> Quotation:
    words = row.text if len(row.text) <= LONGEST else row.text[: LONGEST - 1] + "…"
    return Quotation(
        words if words.strip() else "(no text)",
        (("label", row.truth), ("guess", row.guess)),
        percent(row.score),
    )
