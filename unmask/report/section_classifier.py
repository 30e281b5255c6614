"""The first sections of a classifier's report: figures, another model, labels, confusion."""

from __future__ import annotations

from collections import Counter

from unmask.evaluation.bootstrap import Difference, Estimate
from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.slices import FEW, Slice, by_name
from unmask.report.charts import heatmap
from unmask.report.facts_classifier import Against, ClassifierFacts
from unmask.report.intervals import Interval, intervals
from unmask.report.markup import Html, join
from unmask.report.pieces import (
    Column,
    callout,
    figure,
    notes,
    prose,
    subheading,
    table,
)
from unmask.report.units import count, percent

MOST_LABELS = 60  # rows of the table of labels
MOST_CELLS = 20  # labels of a confusion matrix that can still be read
MOST_CONFUSED = 10

Row = tuple[str, str, str, str]


def figures_section(facts: ClassifierFacts) -> Html:
    """All figures with their intervals, beside the simplest guess."""
    figures = facts.figures
    rows: list[Row] = [
        _row("accuracy", figures.accuracy, str(figures.accuracy_interval), "rows that are right"),
        _row(
            "macro F1",
            figures.macro_f1,
            str(figures.macro_f1_interval),
            "mean over the labels, each counting the same",
        ),
        _row(
            "micro F1",
            figures.micro_f1,
            str(figures.micro_f1_interval),
            "with one label a row, the accuracy",
        ),
    ]
    if figures.matthews is not None:
        meaning = "1 is perfect, 0 is chance, also where labels are rare"
        rows.append(_estimated("Matthews correlation", figures.matthews, meaning))
    if figures.confidence is not None:
        loss, error = figures.confidence.log_loss, figures.confidence.calibration_error
        rows.append(_estimated("log loss, in nats", loss, "less is better"))
        rows.append(_estimated("calibration error", error, "how far its probabilities are off"))
    columns = [Column("figure"), Column("value", "numbers"), Column("95 % interval", "numbers")]
    most = max(Counter(row.truth for row in facts.rows).values())
    return join(
        [
            table([*columns, Column("what it says")], rows),
            prose(
                "An interval says how far a figure may be off because there are only so many rows: "
                f"it holds the middle 95 % of {count(1000)} figures, each computed on as many rows "
                "drawn from these with replacement."
            ),
            notes(
                [
                    "Always giving the most frequent label would be right for "
                    f"{percent(most / figures.rows)} of the rows."
                ]
            ),
        ]
    )


def _row(name: str, value: float, between: str, meaning: str) -> Row:
    return (name, f"{value:.3f}", between, meaning)


def _estimated(name: str, estimate: Estimate, meaning: str) -> Row:
    if estimate.value is None:
        return (name, "undefined", "–", meaning)
    return _row(name, estimate.value, str(estimate.interval), meaning)


def against_section(facts: ClassifierFacts, against: Against) -> Html:
    """Two models on the same rows: what differs, and whether that may be chance."""
    better = against.differences[0].better
    tone = {"first": "good", "second": "warn", "neither": "plain"}[better]
    columns = [Column("figure")]
    columns += [Column(name, "numbers") for name in (facts.model, against.other)]
    columns += [Column("difference", "numbers"), Column("95 % interval", "numbers")]
    rows = [
        (
            f"{one.figure} ({one.wanted} is better)",
            f"{one.first:.3f}",
            f"{one.second:.3f}",
            f"{one.difference:+.3f}",
            f"{one.interval.low:+.3f} to {one.interval.high:+.3f}",
        )
        for one in against.differences
    ]
    agreed = [(words, count(rows)) for words, rows in against.agreement.items()]
    verdict = against.verdict[:1].upper() + against.verdict[1:]
    return join(
        [
            callout(f"{verdict}.", "", tone),  # type: ignore[arg-type]
            figure(
                intervals(
                    [_effect(one) for one in against.differences],
                    title=f"{facts.model} less {against.other}",
                    unit="difference on the same rows, with its 95 % interval",
                )
            ),
            table(columns, rows),
            prose(
                "Both models read the same rows, and each resample holds the same rows for both, "
                "so that a row which is hard for both does not blur the difference. An interval "
                "that holds 0 leaves open which model is better."
            ),
            subheading("Row by row"),
            table([Column("of the rows"), Column("rows", "numbers")], agreed, width="slim"),
        ]
    )


def _effect(one: Difference) -> Interval:
    return Interval(
        label=one.figure,
        mean=one.difference,
        low=one.interval.low,
        high=one.interval.high,
        points=(),
        beyond=0.0,
        written=f"{one.difference:+.3f}",
    )


def labels_section(facts: ClassifierFacts) -> Html:
    """Each label: how many of its rows are found, and how many guesses of it are right."""
    figures = facts.figures
    found = {
        one.name: one
        for one in by_name(
            [row.truth for row in facts.rows],
            [row.right for row in facts.rows],
            [label.label for label in figures.labels],
        )
    }
    worst = sorted(figures.labels, key=lambda label: (label.rows == 0, label.f1))
    rows = [
        (
            label.label,
            count(label.rows),
            f"{label.precision:.3f}" if label.precision or label.recall or label.rows else "–",
            f"{label.recall:.3f}" if label.rows else "–",
            _recall_interval(found[label.label]) if label.rows else "–",
            f"{label.f1:.3f}" if label.rows else "–",
        )
        for label in worst[:MOST_LABELS]
    ]
    columns = [Column("label")]
    columns += [
        Column(name, "numbers") for name in ("rows", "precision", "recall", "95 % of recall", "F1")
    ]
    left = len(worst) - MOST_LABELS
    more = [f"{count(left)} more labels, whose F1 is higher, are not shown."] if left > 0 else []
    few = [label.label for label in figures.labels if 0 < label.rows < FEW]
    if few:
        more.append(
            f"{count(len(few))} of the labels have fewer than {FEW} rows here; their figures say "
            "little."
        )
    if absent := sum(not label.rows for label in figures.labels):
        more.append(f"{count(absent)} of the labels have no row here.")
    return join(
        [
            prose(
                "Recall is the share of a label's rows that were found, precision the share of "
                "right ones among the guesses of it, and F1 their harmonic mean. The label with "
                "the lowest F1 comes first."
            ),
            table(columns, rows),
            notes(more),
        ]
    )


def _recall_interval(one: Slice) -> str:
    return "too few rows" if one.rows < FEW else str(one.accuracy.interval)


def confusion_section(figures: ClassificationFigures) -> Html:
    """The confusion matrix where it can be read, and the most frequent confusions."""
    parts = []
    names = [label.label for label in figures.labels]
    if len(names) <= MOST_CELLS and figures.confusion:
        drawing = heatmap(figures.confusion, names, title="Confusion matrix", unit="rows")
        parts.append(
            figure(
                drawing,
                "Each row is what the texts are, each column what they were taken for. The "
                "diagonal is right.",
            )
        )
    else:
        parts.append(
            prose(
                f"A matrix of {count(len(names))} labels could not be read, so here are the "
                "confusions that come most often."
            )
        )
    if not figures.confused:
        return join([*parts, callout("Nothing is confused: every guess is right.", "", "good")])
    rows = [(one.truth, one.guess, count(one.rows)) for one in figures.confused[:MOST_CONFUSED]]
    columns = [Column("label"), Column("taken for"), Column("rows", "numbers")]
    return join([*parts, table(columns, rows, width="slim")])
