"""Results as tables of words: the same cells in Markdown and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from unmask.bench.limit import share
from unmask.bench.results import Results
from unmask.bench.runner import Row, Table
from unmask.bench.verdicts import Verdict

NOTHING = "–"
HEADS = (
    *("what", "figure", "rounds", "cosine", "against", "its cosine", "to reach", "aim", "reached"),
)
"""Cosines are to the reference: the smallest and the mean."""
REACHED = {
    "aim": "yes, and the aim",
    "first": "yes",
    "no": "no",
    "only measured": NOTHING,
    "does not count": "does not count",
    "not measured": "not measured",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A table as it is shown.

    Attributes:
        title: above it.
        heads: of the columns.
        rows: cells.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary(verdicts: Sequence[Verdict]) -> Words:
    """Every goal and whether it is reached."""
    return Words("Summary", HEADS, tuple(map(_goal, verdicts)))


def _goal(verdict: Verdict) -> tuple[str, ...]:
    figure = NOTHING
    if verdict.value is not None and verdict.low is not None and verdict.high is not None:
        low, high = number(verdict.low), number(verdict.high)
        figure = f"{number(verdict.value)} {verdict.unit} ({low} to {high})"
    reached = REACHED[verdict.reached] + (f": {verdict.note}" if verdict.note else "")
    sign = "below " if verdict.below else ""
    bounds = [
        NOTHING if bound is None else f"{sign}{number(bound)} {verdict.unit}".rstrip()
        for bound in (verdict.first, verdict.aim)
    ]
    return (
        verdict.what,
        figure,
        NOTHING if verdict.rounds is None else str(verdict.rounds),
        _cosines(verdict.own_cosine, verdict.own_cosine_mean),
        verdict.against or NOTHING,
        _cosines(verdict.cosine, verdict.cosine_mean),
        *bounds,
        reached,
    )


def _cosines(smallest: float | None, mean: float | None) -> str:
    """The smallest and the mean."""
    return ", ".join(f"{one:.4f}" for one in (smallest, mean) if one is not None) or NOTHING


def details(results: Results, table: Table) -> Words:
    """Every arm of a measure."""
    names = [name for row in table.rows for name in row.facts]
    facts = tuple(dict.fromkeys(names))
    told = ", ".join(f"{key} {value}" for key, value in table.prepared.items())
    title = f"{table.measure}" + (f" ({told})" if told else "")
    heads = ("arm", f"{table.unit}/s", "seconds (least to most)", "share of the limit")
    rows = tuple(_arm(results, table, row, facts) for row in table.rows)
    return Words(title, (*heads, "smallest cosine", "mean cosine", *facts), rows)


def _arm(results: Results, table: Table, row: Row, facts: Sequence[str]) -> tuple[str, ...]:
    if row.missing is not None or not row.seconds:
        why = row.missing or "no round was run"
        return (row.name, f"not measured: {why}", *[NOTHING] * (4 + len(facts)))
    reached = share(table, row, results.peaks)
    spent = f"{number(median(row.seconds))} ({number(min(row.seconds))} to "
    return (
        row.name,
        number(median(row.values("rate"))),
        f"{spent}{number(max(row.seconds))})",
        NOTHING if reached is None else f"{reached:.0%}",
        *(NOTHING if one is None else f"{one:.7f}" for one in (row.smallest, row.mean)),
        *(number(median(row.facts[name])) if name in row.facts else NOTHING for name in facts),
    )


def number(value: float) -> str:
    """Three digits that count, or all that stand before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def markdown(words: Words) -> str:
    """A table in Markdown, without its title."""
    lines = [words.heads, ("---",) * len(words.heads), *words.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def page(results: Results) -> str:
    """The whole file: summary, machine, every measure."""
    parts = ["# Benchmark", surroundings(results), markdown(summary(results.verdicts))]
    for table in results.tables:
        words = details(results, table)
        parts += [f"## {words.title}", markdown(words)]
    return "\n\n".join(parts) + "\n"


def surroundings(results: Results) -> str:
    """Date, machine and versions, in words."""
    lines = [
        f"Measured on {results.date[:10]}, at most {results.rounds} rounds, medians with the least "
        "and the greatest of all rounds.",
        machine(results),
        limits(results),
        f"Versions: {versions(results)}.",
    ]
    if results.quick:
        lines.insert(0, "**A smoke test on few texts: the figures mean little.**")
    return "\n".join(line for line in lines if line)


def machine(results: Results) -> str:
    """Where it was measured."""
    there = results.hardware
    return (
        f"{there['processor']}, {there['cores']} cores, {there['threads']} threads, "
        f"{there['memory_gib']} GiB, {' '.join(there['instructions'])}."
    )


def limits(results: Results) -> str:
    """What the processor does at most; "" where it was not measured."""
    told = ", ".join(f"{name} {value / 1e9:,.0f}" for name, value in results.peaks.items())
    return f"Matrix products reach, in 10⁹ operations per second: {told}." if told else ""


def versions(results: Results, without: frozenset[str] = frozenset()) -> str:
    """Of all that took part."""
    return ", ".join(
        f"{name} {version}"
        for name, version in results.versions.items()
        if version != "not installed" and name not in without
    )
