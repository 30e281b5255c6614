"""The sections of a quickstart report on results: held-out accuracy, and ten blanks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from unmask.report import pictures
from unmask.report.facts import Blank, EvaluationFacts
from unmask.report.markup import NOTHING, Html, join, tag, text
from unmask.report.pieces import Column, callout, figure, prose, table
from unmask.report.units import count, percent, short
from unmask.report.verdicts import evaluation_verdict


def evaluation_section(facts: EvaluationFacts) -> Html:
    """The model beside guesses that need no network."""
    verdict = evaluation_verdict(facts)
    rows: list[tuple[str, float, float | None, float | None]] = [
        ("this model", facts.top1, facts.top5, facts.loss)
    ]
    rows += [(one.name, one.top1, one.top5, one.loss) for one in facts.baselines]
    best = max(range(len(rows)), key=lambda place: rows[place][1])
    columns = [Column("guesses by")]
    columns += [Column(name, "numbers") for name in ("first guess", "in five", "loss (nats)")]
    cells = [
        (name, percent(top1), _or_dash(top5, percent), _or_dash(loss, "{:.3f}".format))
        for name, top1, top5, loss in rows
    ]
    parts = [prose(facts.method), callout(verdict.head, verdict.reason, verdict.tone)]
    if facts.targets:
        parts.append(table(columns, cells, best=best))
        parts.append(figure(pictures.accuracy_bars(facts), width="medium"))
        if facts.loss < 30:
            parts.append(prose(_hesitation(facts)))
    return join(parts)


def _or_dash(value: float | None, write: Callable[[float], str]) -> str:
    return "–" if value is None else write(value)


def _hesitation(facts: EvaluationFacts) -> str:
    return (
        f"A loss of {facts.loss:.3f} nats means that the model hesitates as if between "
        f"{short(round(math.exp(facts.loss)))} equally likely tokens. Accuracy counts a guess as "
        "right only if it is the very token that stood there; a good synonym counts as wrong."
    )


def blanks_section(blanks: Sequence[Blank]) -> Html:
    """Sentences with a word withheld, and the model's guesses."""
    if not blanks:
        return callout("The held-out text gave no sentence to blank.", tone="warn")
    first = sum(blank.rank == 1 for blank in blanks)
    five = sum(blank.rank is not None for blank in blanks)
    words = (
        "Held-out sentences with one word hidden. The word that stood there is underlined; below "
        "are the model's guesses and how likely it holds each, on a scale from 0 to 100%. Of "
        f"these {count(len(blanks))}, it puts {count(first)} back at the first guess and "
        f"{count(five)} within its guesses shown."
    )
    return join(
        [prose(words), tag("div", {"class": "blanks"}, *(_card(blank) for blank in blanks))]
    )


def _card(blank: Blank) -> Html:
    rank = blank.rank
    said = (
        "not among the guesses" if rank is None else "first guess" if rank == 1 else f"guess {rank}"
    )
    hole = tag("bdi", {"class": "hole"}, text(blank.answer))
    sentence = tag("p", {"dir": "auto"}, text(blank.text_before), hole, text(blank.text_after))
    drawing = pictures.blank_bars(blank) if blank.guesses else NOTHING
    foot = tag(
        "div",
        {"class": "foot"},
        tag("span", None, text(blank.source)),
        tag("span", {"class": "verdict"}, text(said)),
    )
    classes = "blank" if rank is None else "blank hit"
    return tag(
        "article", {"class": classes}, sentence, tag("div", {"class": "guesses"}, drawing), foot
    )
