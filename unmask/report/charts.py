"""Charts as SVG text: pure functions from numbers to a drawing.

Every chart carries a title and a description for screen readers and takes its colours from CSS
variables (`drawing.CHART_CSS`, `palette`), so that it follows a page from light to dark.
`standalone` makes of any of them a file that needs no page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.report import scales
from unmask.report.drawing import EM, box, frame, heading, label, standalone
from unmask.report.lines import line_chart
from unmask.report.markup import NOTHING, Attributes, Html, tag, text
from unmask.report.palette import HEAT_LEVELS
from unmask.report.series import ReferenceLine, Series
from unmask.report.units import count, percent

__all__ = [
    "Bar",
    "Pair",
    "ReferenceLine",
    "Series",
    "bars",
    "heatmap",
    "line_chart",
    "paired_bars",
    "standalone",
]

Tone = Literal["c0", "good", "quiet"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar.

    Attributes:
        label: names it; shown whole in a tooltip where it is too long.
        value: its length on the scale of the chart.
        written: what stands at its end.
        tone: `c0` (the usual), `good` (the right one) or `quiet` (something to compare with).
    """

    label: str
    value: float
    written: str
    tone: Tone = "c0"


@dataclass(frozen=True, slots=True)
class Pair:
    """A share (0 to 1) that was expected, beside the one that was measured."""

    label: str
    expected: float
    measured: float


def bars(
    items: Sequence[Bar],
    *,
    title: str,
    unit: str = "",
    maximum: float = 1.0,
    width: int = 400,
    monospace: Literal["mono", ""] = "",
    headed: Literal["headed", "bare"] = "headed",
) -> Html:
    """Draw horizontal bars, one a row, on a track that ends at `maximum`.

    Args:
        items: at least one; values from 0 to `maximum`.
        title: names the chart; `bare` leaves it to screen readers, for a chart inside a card.
        unit: what the numbers are.
        maximum: the value at the end of the track, above 0.
        width: size in pixels of the drawing.
        monospace: `mono` sets the labels in a font of equal widths, as tokens are best read.
        headed: whether the title is visible.

    Raises:
        ConfigError: no bar, or a value that is not finite or outside 0 to `maximum`.
    """
    _require_some(items, title)
    for item in items:
        _require_within(item.value, maximum, f"bar {item.label!r}")
    widest = max(scales.text_width(item.label, EM) for item in items)
    left = min(widest + 12, width * 0.42)
    room = max(scales.text_width(item.written, EM) for item in items) + 12
    right, top, rows = width - room, 30.0 if headed == "headed" else 0.0, []
    for place, item in enumerate(items):
        y = top + 24 * place
        length = item.value / maximum * (right - left)
        weight = " strong" if item.tone == "good" else ""
        words = scales.fit(item.label, left - 10, EM)
        parts = [
            tag("title", None, text(f"{item.label}: {item.written}")),
            label(0, y + 16, words, f"{monospace}{weight}".strip()),
            box(left, y + 5, right - left, 14, "track"),
            box(left, y + 5, max(length, 1.5 if item.value else 0), 14, f"f-{item.tone}"),
            label(width, y + 16, item.written, f"end small{weight or ' soft'}"),
        ]
        rows.append(tag("g", None, *parts))
    words = "; ".join(f"{item.label}: {item.written}" for item in items) + "."
    head = heading(title, unit) if headed == "headed" else NOTHING
    return frame(width, top + 24 * len(items), title, words, head, *rows)


def paired_bars(
    pairs: Sequence[Pair],
    *,
    title: str,
    unit: str = "",
    write: Callable[[float], str] = lambda share: percent(share, 2),
    width: int = 840,
) -> Html:
    """Draw for each label what was measured, above what was expected, on a scale from 0 to 1.

    Raises:
        ConfigError: no pair, or a share that is not finite or outside 0 to 1.
    """
    _require_some(pairs, title)
    for pair in pairs:
        _require_within(pair.measured, 1.0, f"what was measured for {pair.label!r}")
        _require_within(pair.expected, 1.0, f"what was expected for {pair.label!r}")
    widest = max(scales.text_width(pair.label, EM) for pair in pairs)
    left, right, top = min(widest + 14, width * 0.34), width - 76.0, 56.0
    legend = [
        box(0, 32, 18, 8, "f-c0"),
        label(24, 40, "measured", "soft small"),
        box(104, 32, 18, 8, "f-quiet"),
        label(128, 40, "expected", "soft small"),
    ]
    rows = []
    for place, pair in enumerate(pairs):
        y = top + 44 * place
        words = scales.fit(pair.label, left - 12, EM)
        rows.append(
            tag("text", {"x": 0, "y": y + 19}, tag("title", None, text(pair.label)), text(words))
        )
        for row, (share, tone) in enumerate(((pair.measured, "c0"), (pair.expected, "quiet"))):
            at, high = (y, 16) if row == 0 else (y + 19, 9)
            rows.append(box(left, at, right - left, high, "track"))
            rows.append(box(left, at, share * (right - left), high, f"f-{tone}"))
            weight = "strong" if row == 0 else "soft"
            rows.append(
                label(width, y + (13 if row == 0 else 28), write(share), f"end small {weight}")
            )
    said = (f"{p.label}: measured {write(p.measured)}, expected {write(p.expected)}" for p in pairs)
    height = top + 44 * len(pairs) - 10
    return frame(width, height, title, "; ".join(said) + ".", heading(title, unit), *legend, *rows)


def heatmap(
    matrix: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    title: str,
    unit: str = "",
    rows: str = "true label",
    columns: str = "predicted label",
    width: int = 840,
) -> Html:
    """Draw a confusion matrix: counts in the cells, coloured by their share of the row.

    Args:
        matrix: `matrix[i][j]` counts what is `labels[i]` and was called `labels[j]`; square.
        labels: the names, in the order of rows and columns.
        title, unit: name the chart, and say what is counted.
        rows, columns: what the two axes are.
        width: size in pixels of the drawing.

    Raises:
        ConfigError: no label, a matrix that is not square with one row a label, a negative count.
    """
    _require_some(labels, title)
    if [len(row) for row in matrix] != [len(labels)] * len(labels):
        raise ConfigError(
            f"A heat map of {len(labels)} labels needs {len(labels)} rows of {len(labels)} counts, "
            f"not rows of {[len(row) for row in matrix]}. Give one row and one column a label."
        )
    if any(cell < 0 for row in matrix for cell in row):
        raise ConfigError("A heat map shows counts, and one is negative. Count again.")
    left = min(max(scales.text_width(name, EM) for name in labels) + 14, width * 0.3)
    # Names of columns stand at 40 degrees; the last of them needs room to the right.
    lean = min(max(scales.text_width(name, EM) for name in labels), 150.0)
    cell = min((width - left - lean * 0.7) / len(labels), 72.0)
    top, high = 44 + lean * 0.62 + 16, min(cell, 44.0)
    parts = [heading(title, unit)]
    for place, name in enumerate(labels):
        parts.append(_column_name(name, left + cell * (place + 0.5), top - 8, lean))
        words = scales.fit(name, left - 14, EM)
        at: Attributes = {"x": left - 10, "y": top + high * (place + 0.5) + 4.5, "class": "end"}
        parts.append(tag("text", at, tag("title", None, text(name)), text(words)))
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            where = (left + cell * j, top + high * i, cell, high)
            tip = f"{labels[i]}, called {labels[j]}: {count(value)} of {count(sum(row))}"
            parts.append(_cell(where, value, sum(row), "cell truth" if i == j else "cell", tip))
    foot = top + high * len(labels) + 22
    parts.append(label(left, foot, f"rows: {rows}; columns: {columns}", "soft small"))
    right = sum(matrix[place][place] for place in range(len(labels)))
    said = (
        f"{count(right)} of {count(sum(map(sum, matrix)))} lie on the diagonal, where both agree."
    )
    return frame(width, foot + 8, title, said, *parts)


def _column_name(name: str, x: float, y: float, room: float) -> Html:
    at = {"transform": f"translate({x:.1f} {y:.1f}) rotate(-40)"}
    return tag("text", at, tag("title", None, text(name)), text(scales.fit(name, room, EM)))


def _cell(
    where: tuple[float, float, float, float], value: int, total: int, classes: str, tip: str
) -> Html:
    x, y, width, height = where
    # Upwards, so that a single mistake in a long row still has a colour.
    level = -(-value * HEAT_LEVELS // total) if total else 0
    parts = [
        tag("title", None, text(tip)),
        box(x + 1.5, y + 1.5, width - 3, height - 3, "", 4),
        label(x + width / 2, y + height / 2 + 4.5, count(value), "middle"),
    ]
    return tag("g", {"class": f"{classes} h{level}"}, *parts)


def _require_some(items: Sequence[object], title: str) -> None:
    if not items:
        raise ConfigError(
            f"The chart {title!r} has nothing to draw. Leave it out, or give it a row."
        )


def _require_within(value: float, maximum: float, what: str) -> None:
    scales.require_finite([value, maximum], what)
    if not 0 <= value <= maximum:
        raise ConfigError(
            f"A chart from 0 to {maximum:g} cannot show {value!r} ({what}). Check the figure."
        )
