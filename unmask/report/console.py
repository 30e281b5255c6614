"""The figures of a report for a terminal: rich tables, and the same as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from unmask.report.facts import Blank, ClassificationFacts, EvaluationFacts, QuickstartFacts
from unmask.report.markup import visible
from unmask.report.units import duration, percent
from unmask.report.verdicts import (
    Verdict,
    best_method,
    classification_verdict,
    evaluation_verdict,
)

_TONES = {"plain": "bold", "good": "bold green", "warn": "bold yellow"}


def evaluation_summary(facts: EvaluationFacts) -> RenderableType:
    """The model beside its baselines, and what to make of it."""
    table = _table("guesses by", "first guess", "in five", "loss (nats)")
    best = max([facts.top1, *(one.top1 for one in facts.baselines)])
    rows = [("this model", facts.top1, _share(facts.top5), f"{facts.loss:.3f}")]
    rows += [
        (one.name, one.top1, _share(one.top5), "-" if one.loss is None else f"{one.loss:.3f}")
        for one in facts.baselines
    ]
    for name, top1, top5, loss in rows:
        _add(table, "bold" if top1 == best else "", name, percent(top1), top5, loss)
    return Group(table, _words(evaluation_verdict(facts)))


def classification_summary(facts: ClassificationFacts) -> RenderableType:
    """The methods of classification, and which of them won."""
    table = _table("method", "accuracy", "macro F1", "time")
    best = best_method(facts)
    for one in facts.methods:
        style = "bold" if one is best else ""
        figures = (percent(one.accuracy), f"{one.macro_f1:.3f}", duration(one.seconds))
        _add(table, style, one.name, *figures)
    return Group(table, _words(classification_verdict(facts)))


def blanks_summary(blanks: Sequence[Blank]) -> RenderableType:
    """Each sentence with its withheld word in brackets, and the guesses below it."""
    lines = []
    for blank in blanks:
        hit = "green" if blank.rank else "yellow"
        sentence = Text(visible(blank.text_before))
        sentence.append(f"[{visible(blank.answer)}]", style=f"bold {hit}")
        sentence.append(visible(blank.text_after))
        guesses = Text("    ")
        for place, guess in enumerate(blank.guesses, start=1):
            words = f"{visible(guess.token)} {percent(guess.probability, 0)}  "
            guesses.append(words, style="bold green" if place == blank.rank else "dim")
        lines += [sentence, guesses]
    return Group(*lines)


def summary(facts: QuickstartFacts) -> RenderableType:
    """Evaluation, blanks and classification of a quickstart, one below the other."""
    parts = [evaluation_summary(facts.evaluation), Text()]
    if facts.blanks:
        parts += [blanks_summary(facts.blanks), Text()]
    if facts.classification is None:
        reason = Text(f"Classification was left out. {visible(facts.classification_skipped)}")
        parts.append(reason)
    else:
        parts.append(classification_summary(facts.classification))
    return Group(*parts)


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """Render for a file or a pipe: no colours, lines of at most `width` columns."""
    out = StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _add(table: Table, style: str, *cells: str) -> None:
    # As Text, because rich would take [brackets] in a plain string for its own markup.
    table.add_row(*(Text(visible(cell)) for cell in cells), style=style)


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _words(verdict: Verdict) -> Text:
    words = Text(visible(verdict.head), style=_TONES[verdict.tone])
    if verdict.reason:
        words.append(f"\n{visible(verdict.reason)}", style="not bold default")
    return words
