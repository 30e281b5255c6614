"""Sections that the pages of all evaluations share: figures, another model, parts, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from unmask.evaluation.bootstrap import Difference, Estimate
from unmask.evaluation.slices import FEW, Measure, Slice, by_length, by_name
from unmask.report.charts import Bar, bars
from unmask.report.facts_measured import Against, How, Length
from unmask.report.intervals import Interval, intervals
from unmask.report.markup import NOTHING, Html, join
from unmask.report.pieces import (
    Column,
    Quotation,
    callout,
    figure,
    notes,
    prose,
    quotations,
    subheading,
    table,
)
from unmask.report.units import capital, count, percent, plural, things

MOST_MISTAKES = 20
LONGEST = 400  # characters of a text that are shown

_READ: Mapping[How, str] = {
    "whole": "at once",
    "parts": "all of it, in several parts",
    "cut": "only its beginning",
}


def three(value: float) -> str:
    """A figure with three decimals."""
    return f"{value:.3f}"


def in_cell(estimate: Estimate, rows: int, write: Callable[[float], str] = three) -> str:
    """A figure in a cell with its interval, where it is of rows enough for one."""
    if estimate.value is None:
        return "–"
    between = estimate.interval
    if between is None or rows < FEW:
        return f"{write(estimate.value)} (too few)"
    return f"{write(estimate.value)} ({write(between.low)} to {write(between.high)})"


@dataclass(frozen=True, slots=True)
class Line:
    """One of the figures.

    Attributes:
        name: of the figure.
        estimate: its value and interval.
        meaning: what it says, in a few words.
    """

    name: str
    estimate: Estimate
    meaning: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A figure of several parts of the rows, or of several things that were looked for.

    Attributes:
        what: they are parted by; the heading of the first column.
        counted: what is counted in each, in the plural.
        figure: the name of the figure.
        slices: the parts.
        more: further columns, each with a cell for every part.
        write: writes the figure.
    """

    what: str
    counted: str
    figure: str
    slices: Sequence[Slice]
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)
    write: Callable[[float], str] = three


def figures_section(lines: Sequence[Line], remarks: Sequence[str] = ()) -> Html:
    """All figures with their intervals, and what an interval is."""
    columns = [Column("figure"), Column("value", "numbers"), Column("95 % interval", "numbers")]
    rows = [
        (
            line.name,
            "undefined" if line.estimate.value is None else three(line.estimate.value),
            "–" if line.estimate.interval is None else str(line.estimate.interval),
            line.meaning,
        )
        for line in lines
    ]
    return join(
        [
            table([*columns, Column("what it says")], rows),
            prose(
                "An interval says how far a figure may be off because there are only so many rows: "
                f"it holds the middle 95 % of {count(1000)} figures, each computed on as many rows "
                "drawn from these with replacement."
            ),
            notes(remarks),
        ]
    )


def against_section(model: str, against: Against) -> Html:
    """Two models on the same rows: what differs, and whether that may be chance."""
    better = against.differences[0].better
    tone = {"first": "good", "second": "warn", "neither": "plain"}[better]
    columns = [Column("figure")]
    columns += [Column(name, "numbers") for name in (model, against.other)]
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
    named = against.verdict.startswith((model, against.other))  # a path keeps its letters
    verdict = against.verdict if named else against.verdict[:1].upper() + against.verdict[1:]
    return join(
        [
            callout(f"{verdict}.", "", tone),  # type: ignore[arg-type]
            figure(
                intervals(
                    [_effect(one) for one in against.differences],
                    title=f"{model} less {against.other}",
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


def parts_table(parts: Parts) -> Html:
    """The figure of each part, with its interval."""
    columns = [
        Column(parts.what),
        *(Column(one, "numbers") for one in (parts.counted, *parts.more)),
    ]
    columns += [Column(parts.figure, "numbers"), Column("95 % interval", "numbers")]
    beside = list(zip(*parts.more.values(), strict=True)) or [()] * len(parts.slices)
    rows = [
        (one.name, count(one.rows), *cells, _value(one, parts), _interval(one, parts))
        for one, cells in zip(parts.slices, beside, strict=True)
    ]
    return table(columns, rows, width="slim")


def _value(one: Slice, parts: Parts) -> str:
    return "–" if one.value.value is None else parts.write(one.value.value)


def _interval(one: Slice, parts: Parts) -> str:
    between = one.value.interval
    if between is None or one.rows < FEW:
        return "too few" if parts.counted != "rows" else "too few rows"
    return f"{parts.write(between.low)} to {parts.write(between.high)}"


def parts_chart(parts: Parts, title: str) -> Html:
    """The figure of each part as a bar; nothing for one part, or where a figure is none from 0."""
    values = [one.value.value for one in parts.slices]
    known = [value for value in values if value is not None and value >= 0]
    if len(known) < len(values) or len(values) < 2:
        return NOTHING
    most = max(1.0 if parts.write is percent or max(known) <= 1.0 else 0.0, *known)
    drawn = [
        Bar(one.name, value, parts.write(value), "c0")
        for one, value in zip(parts.slices, known, strict=True)
    ]
    return figure(bars(drawn, title=title, maximum=most, width=560), width="medium")


def length_section(
    lengths: Sequence[Length], measure: Measure, figure_name: str, name: str,
    write: Callable[[float], str] = three,
) -> Html:  # fmt: skip
    """A figure by the number of tokens, and by how rows were read.

    Args:
        lengths: of each row.
        measure: gives the figure of some rows.
        figure_name: what it is called, as within a sentence.
        name: what a row is, in the singular.
        write: writes the figure.
    """
    rows, shown = plural(name), capital(figure_name)
    slices = by_length([one.tokens for one in lengths], measure)
    spelt = [Slice(f"{one.name} tokens", one.rows, one.value) for one in slices]
    parts = Parts("tokens", rows, figure_name, slices, write=write)
    found = by_name([_READ[one.how] for one in lengths], tuple(_READ.values()), measure)
    read = Parts("how it was read", rows, figure_name, found, write=write)
    whole = len(found) == 1 and found[0].name == _READ["whole"]
    return join(
        [
            prose(
                f"{shown} on {rows} of about the same length, in tokens. A model may do worse on "
                "lengths that it has seen little of, and where something was cut."
            ),
            parts_chart(Parts("", rows, "", spelt, write=write), f"{shown} by length"),
            parts_table(parts),
            prose(f"None of the {rows} was too long to be read at once.")
            if whole
            else join([subheading("What was too long"), parts_table(read)]),
        ]
    )


def counted_table(what: str, counted: str, rows: Sequence[tuple[str, int]]) -> Html:
    """What there is of each kind, with its share of all."""
    whole = max(1, sum(number for _, number in rows))
    columns = [Column(what), Column(counted, "numbers"), Column("share", "numbers")]
    cells = [(name, count(number), percent(number / whole)) for name, number in rows]
    return table(columns, cells, width="slim")


def mistakes_section(cards: Sequence[Quotation], wrong: int, words: str, none: str) -> Html:
    """The worst mistakes.

    Args:
        cards: the worst ones, the worst first.
        wrong: how many there are.
        words: which they are and why to read them, behind "The 20 of 300 ".
        none: what is said where there are none.
    """
    if not cards:
        return callout(none, "", "good")
    head = f"The {count(len(cards))} {words.format(wrong=count(wrong))}"
    return join([prose(head) if wrong > 1 else NOTHING, quotations(cards)])


def clipped(words: str, most: int = LONGEST) -> str:
    """A text, cut where it is long; said to be empty where nothing can be seen of it."""
    if not words.strip():
        return "(no text)"
    return words if len(words) <= most else words[: most - 1] + "…"


def lead(data: str, found: str, lengths: Sequence[Length], name: str, skipped: int) -> str:
    """What was measured, what came out, and what was not read, in some sentences."""
    words = f"Measured on {data}. {found} Below a figure stands its 95 % interval."
    cut = sum(one.how == "cut" for one in lengths)
    parts = sum(one.how == "parts" for one in lengths)
    if parts:
        were = "was" if parts == 1 else "were"
        words += f" {things(parts, name)} {were} too long to be read at once, and read in parts."
    if cut:
        were, whose = (
            ("was", "its beginning was") if cut == 1 else ("were", "their beginnings were")
        )
        words += f" {things(cut, name)} {were} too long for the model, and only {whose} read."
    if skipped:
        words += f" {things(skipped, 'bad place')} of the data were left out."
    return words
