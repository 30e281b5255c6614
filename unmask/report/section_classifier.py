"""The first sections of a classifier's report: figures, labels, confusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unmask.evaluation.bootstrap import Estimate
from unmask.evaluation.classification import ClassificationFigures, LabelFigures
from unmask.evaluation.slices import FEW
from unmask.report.charts import heatmap
from unmask.report.facts_classifier import ClassifierFacts
from unmask.report.markup import Html, join
from unmask.report.pieces import Column, callout, figure, notes, prose, table
from unmask.report.section_measured import Line, figures_section, in_cell
from unmask.report.units import count, percent

MOST_LABELS = 60  # rows of the table of labels
MOST_CELLS = 20  # labels of a confusion matrix that can still be read
MOST_CONFUSED = 10


def classifier_figures(facts: ClassifierFacts) -> Html:
    """All figures with their intervals, beside the simplest guess."""
    figures = facts.figures
    lines = [
        Line(
            "accuracy",
            Estimate(figures.accuracy, figures.accuracy_interval),
            "rows that are right",
        ),
        Line(
            "macro F1",
            Estimate(figures.macro_f1, figures.macro_f1_interval),
            "mean over the labels, each counting the same",
        ),
        Line(
            "micro F1",
            Estimate(figures.micro_f1, figures.micro_f1_interval),
            "with one label a row, the accuracy",
        ),
    ]
    if figures.matthews is not None:
        meaning = "1 is perfect, 0 is chance, also where labels are rare"
        lines.append(Line("Matthews correlation", figures.matthews, meaning))
    if figures.confidence is not None:
        loss, error = figures.confidence.log_loss, figures.confidence.calibration_error
        lines.append(Line("log loss, in nats", loss, "less is better"))
        lines.append(Line("calibration error", error, "how far its probabilities are off"))
    most = max(Counter(row.truth for row in facts.rows).values())
    simplest = (
        "Always giving the most frequent label would be right for "
        f"{percent(most / figures.rows)} of the rows."
    )
    return figures_section(lines, [simplest])


def labels_section(labels: Sequence[LabelFigures]) -> Html:
    """Each label: how many of its rows are found, and how many guesses of it are right."""
    worst = sorted(labels, key=lambda label: (label.rows == 0, label.f1))
    rows = [
        (
            label.label,
            count(label.rows),
            *(in_cell(one, label.rows) if label.rows else "–" for one in label.estimates),
        )
        for label in worst[:MOST_LABELS]
    ]
    columns = [Column("label")]
    columns += [Column(name, "numbers") for name in ("rows", "precision", "recall", "F1")]
    left = len(worst) - MOST_LABELS
    more = [f"{count(left)} more labels, whose F1 is higher, are not shown."] if left > 0 else []
    few = [label.label for label in labels if 0 < label.rows < FEW]
    if few:
        more.append(
            f"{count(len(few))} of the labels have fewer than {FEW} rows here; their figures say "
            "little."
        )
    if absent := sum(not label.rows for label in labels):
        more.append(f"{count(absent)} of the labels have no row here.")
    return join(
        [
            prose(
                "Recall is the share of a label's rows that were found, precision the share of "
                "right ones among the guesses of it, and F1 their harmonic mean, each with its "
                "95 % interval. The label with the lowest F1 comes first."
            ),
            table(columns, rows),
            notes(more),
        ]
    )


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
