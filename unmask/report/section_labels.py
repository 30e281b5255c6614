"""The last sections of a quickstart report: classification, the machine, what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report import pictures
from unmask.report.facts import (
    ClassificationFacts,
    Command,
    QuickstartFacts,
    Rate,
    Setting,
    Stage,
)
from unmask.report.markup import NOTHING, Html, join, tag
from unmask.report.pieces import (
    Column,
    callout,
    commands,
    figure,
    prose,
    side_by_side,
    subheading,
    table,
)
from unmask.report.units import count, duration, percent, short
from unmask.report.verdicts import best_method, classification_verdict


def classification_section(facts: ClassificationFacts | None, skipped: str) -> Html:
    """Who tells the labels apart: encoders and a baseline, side by side."""
    if facts is None:
        return callout("Classification was left out.", skipped)
    verdict = classification_verdict(facts)
    winner = facts.methods.index(best_method(facts))
    columns = [Column("method")]
    columns += [Column(name, "numbers") for name in ("accuracy", "macro F1", "time")]
    rows = [
        (one.name, percent(one.accuracy), f"{one.macro_f1:.3f}", duration(one.seconds))
        for one in facts.methods
    ]
    counted = [(label.name, count(label.train), count(label.test)) for label in facts.labels]
    counted.append(("all", count(sum(one.train for one in facts.labels)), count(facts.test_texts)))
    return join(
        [
            prose(
                f"A classifier is put on top of the encoder. {facts.task} A baseline that only "
                "counts words shows what the task gives away for free."
            ),
            callout(verdict.head, verdict.reason, verdict.tone),
            table(columns, rows, best=winner),
            prose(
                "Accuracy is the share of test texts with the right label. Macro F1 weighs every "
                "label alike, however rare it is."
            ),
            figure(
                pictures.confusion(facts),
                "Each row is what the texts are, each column what they were taken for. The "
                "diagonal is right; the stronger the colour beside it, the more often the two "
                "are confused.",
            ),
            subheading("Texts with a label"),
            table(
                [
                    Column("label"),
                    Column("to train on", "numbers"),
                    Column("to test on", "numbers"),
                ],
                counted,
                width="slim",
            ),
        ]
    )


def machine_section(facts: QuickstartFacts) -> Html:
    """How fast it went, and on what."""
    speed = _rates(facts.throughput)
    stages = _stages(facts.stages)
    both = side_by_side(stages, speed) if stages and speed else join([stages, speed])
    tables = [
        _settings("Machine", facts.hardware),
        _settings("Versions", facts.versions),
    ]
    return join(
        [
            prose(
                "Times and speeds hold for this machine and these versions; another run on it "
                "gives figures that are close, not the same."
            ),
            both,
            side_by_side(*tables) if all(tables) else join(tables),
        ]
    )


def _rates(rates: Sequence[Rate]) -> Html:
    if not rates:
        return NOTHING
    rows = [(one.name, f"{short(one.per_second)} {one.unit}/s") for one in rates]
    return _block("Speed", [Column("what"), Column("per second", "numbers")], rows)


def _stages(stages: Sequence[Stage]) -> Html:
    if not stages:
        return NOTHING
    rows = [(one.name, duration(one.seconds)) for one in stages]
    rows.append(("together", duration(sum(one.seconds for one in stages))))
    return _block("Where the time went", [Column("step"), Column("time", "numbers")], rows)


def _settings(heading: str, settings: Sequence[Setting]) -> Html:
    if not settings:
        return NOTHING
    rows = [(one.name, one.value) for one in settings]
    return _block(heading, [Column("name"), Column("value")], rows)


def _block(heading: str, columns: Sequence[Column], rows: Sequence[tuple[str, str]]) -> Html:
    return tag("div", None, subheading(heading), table(columns, rows))


def next_section(lines: Sequence[Command]) -> Html:
    """Commands that go on from here."""
    return join(
        [
            prose(
                "The model and its tokenizer lie beside this page. These commands put them to use."
            ),
            commands([(one.line, one.does) for one in lines]),
        ]
    )
