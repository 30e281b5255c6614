"""The charts of a quickstart report, each from its part of the facts and callable alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from unmask.checkpoint.durable import write_file
from unmask.errors import ConfigError
from unmask.report.charts import (
    Bar,
    Pair,
    ReferenceLine,
    Series,
    bars,
    heatmap,
    line_chart,
    paired_bars,
    standalone,
)
from unmask.report.facts import (
    Blank,
    ClassificationFacts,
    CorpusFacts,
    EvaluationFacts,
    MaskFacts,
    QuickstartFacts,
    TrainingFacts,
)
from unmask.report.markup import Html
from unmask.report.scales import ticks
from unmask.report.units import count, percent

GROUPS = 8
"""Groups of documents that get a bar of their own."""


def corpus_bars(facts: CorpusFacts) -> Html:
    """Documents by origin: the largest groups, and the sum of the others."""
    ranked = sorted(facts.groups, key=lambda group: -group.documents)
    rows = [
        Bar(group.name or "(no name)", group.documents, count(group.documents))
        for group in ranked[:GROUPS]
    ]
    rest = ranked[GROUPS:]
    if rest:
        total = sum(group.documents for group in rest)
        rows.append(Bar(f"{count(len(rest))} more", total, count(total), "quiet"))
    top = max(1.0, *(row.value for row in rows)) if rows else 1.0
    return bars(rows, title="Where the text is from", unit="documents", maximum=top, width=560)


def loss_curve(training: TrainingFacts, evaluation: EvaluationFacts) -> Html:
    """Loss in training and on held-out text, with the losses of the baselines."""
    references = [
        ReferenceLine(one.name, one.loss) for one in evaluation.baselines if one.loss is not None
    ]
    return line_chart(
        [
            Series("training", [(s.step, s.loss) for s in training.steps]),
            Series("held out", [(e.step, e.loss) for e in training.evaluations], "dots"),
        ],
        x_label="updates",
        y_label="loss per masked token, in nats (lower is better)",
        title="Loss while training",
        reference_lines=references,
    )


def accuracy_curve(training: TrainingFacts, evaluation: EvaluationFacts) -> Html:
    """Held-out accuracy at the first guess and in five, with the baselines' first guesses."""
    return line_chart(
        [
            Series("first guess", [(e.step, e.top1) for e in training.evaluations], "dots"),
            Series("in five", [(e.step, e.top5) for e in training.evaluations], "dots"),
        ],
        x_label="updates",
        y_label="share of masked tokens put back, on held-out text",
        title="Blanks filled",
        reference_lines=[ReferenceLine(one.name, one.top1) for one in evaluation.baselines],
        y_format=partial(percent, digits=0),
        height=320,
    )


def small_curve(training: TrainingFacts, what: Literal["lr", "speed"]) -> Html:
    """The learning rate, or the tokens per second, over the run, at half width."""
    if what == "lr":
        rates = Series("learning rate", [(s.step, s.lr) for s in training.steps], "curve")
        title, unit = "Learning rate", ""
    else:
        rates = Series("speed", [(s.step, s.tokens_per_second) for s in training.steps])
        title, unit = "Speed", "tokens per second"
    return line_chart([rates], x_label="updates", y_label=unit, title=title, width=410, height=240)


def mask_bars(facts: MaskFacts) -> Html:
    """What masking did, beside what it was asked to do."""
    rows = (
        ("selected", facts.selected),
        ("of these: masked", facts.masked),
        ("of these: random", facts.random),
        ("of these: kept", facts.kept),
    )
    pairs = [Pair(name, share.expected, share.measured) for name, share in rows]
    unit = f"over {count(facts.tokens)} tokens"
    return paired_bars(pairs, title="What masking did", unit=unit, width=560)


def accuracy_bars(facts: EvaluationFacts) -> Html:
    """First guesses that are right: the model above its baselines, best first."""
    ranked = sorted(facts.baselines, key=lambda one: -one.top1)
    rows = [Bar("this model", facts.top1, percent(facts.top1), "good")]
    rows += [Bar(one.name, one.top1, percent(one.top1), "quiet") for one in ranked]
    # The track ends at a round figure above the best, so that no bar looks like all there is.
    top = min(1.0, ticks(0.0, max(0.01, *(row.value for row in rows), 0.01))[-1])
    unit = "share of masked tokens"
    return bars(rows, title="First guess right", unit=unit, maximum=top, width=560)


def blank_bars(blank: Blank) -> Html:
    """The guesses for one blank with their probabilities; the right one stands out."""
    rows = [
        Bar(
            guess.token,
            guess.probability,
            percent(guess.probability),
            "good" if place == blank.rank else "c0",
        )
        for place, guess in enumerate(blank.guesses, start=1)
    ]
    return bars(rows, title="The model's guesses", width=380, monospace="mono", headed="bare")


def confusion(facts: ClassificationFacts) -> Html:
    """The confusion matrix of one method."""
    names = [label.name for label in facts.labels]
    return heatmap(facts.confusion, names, title="Who is taken for whom", unit=facts.confusion_of)


def picture(facts: QuickstartFacts, name: str) -> Html:
    """One chart of a report by name, as an SVG that stands alone.

    Args:
        facts: those of a finished quickstart.
        name: loss, accuracy, speed, lr, mask, baselines, corpus, confusion, or blank-1, blank-2,
            ...

    Raises:
        ConfigError: an unknown name, or a chart for which these facts hold nothing.
    """
    drawings: dict[str, Callable[[], Html]] = {
        "loss": partial(loss_curve, facts.training, facts.evaluation),
        "accuracy": partial(accuracy_curve, facts.training, facts.evaluation),
        "speed": partial(small_curve, facts.training, "speed"),
        "lr": partial(small_curve, facts.training, "lr"),
        "mask": partial(mask_bars, facts.mask),
        "baselines": partial(accuracy_bars, facts.evaluation),
        "corpus": partial(corpus_bars, facts.corpus),
    }
    if facts.classification is not None:
        drawings["confusion"] = partial(confusion, facts.classification)
    for place, blank in enumerate(facts.blanks, start=1):
        drawings[f"blank-{place}"] = partial(blank_bars, blank)
    if name not in drawings:
        raise ConfigError(f"these facts have no picture {name!r}. They have {', '.join(drawings)}.")
    return standalone(drawings[name]())


def save_picture(facts: QuickstartFacts, name: str, path: str | os.PathLike[str]) -> Path:
    """Write one chart of a report to an SVG file; see `picture` for names and errors."""
    target = Path(path)
    write_file(target, picture(facts, name).encode())
    return target
