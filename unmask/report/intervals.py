"""Effects with their intervals, one a row, beside a line that they have to pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unmask.errors import ConfigError
from unmask.report import scales
from unmask.report.drawing import EM, frame, heading, label, line
from unmask.report.markup import Html, tag, text

_ROW, _TOP, _BOTTOM, _LINE = 38.0, 34.0, 40.0, 16.0


@dataclass(frozen=True, slots=True)
class Interval:
    """One effect.

    Attributes:
        label: names it.
        mean: the estimate.
        low, high: ends of its interval.
        points: what it is the mean of.
        beyond: the value that it has to pass.
        written: what stands at the end of the row.
    """

    label: str
    mean: float
    low: float
    high: float
    points: tuple[float, ...]
    beyond: float
    written: str


def intervals(
    rows: Sequence[Interval],
    *,
    title: str,
    unit: str,
    write: Callable[[float], str] | None = None,
    width: int = 840,
) -> Html:
    """Draw each effect as a dot on its interval, with its single values as small dots.

    Args:
        rows: at least one.
        title: names the chart.
        unit: what the numbers are.
        write: writes a value of the axis; plain numbers without it.
        width: size in pixels of the drawing.

    Raises:
        ConfigError: no row, or a number that is not finite.
    """
    if not rows:
        raise ConfigError(f"The chart {title!r} has no row to draw. Give it at least one.")
    values = [
        value for row in rows for value in (row.low, row.high, row.mean, row.beyond, *row.points)
    ]
    scales.require_finite(values, f"the chart {title!r}")
    write = write or _plain
    axis = scales.ticks(min(0.0, *values), max(0.0, *values), 6)
    left = min(max(scales.text_width(row.label, EM) for row in rows) + 16, width * 0.42)
    right = width - max(scales.text_width(row.written, EM) for row in rows) - 16
    bottom = _TOP + _ROW * len(rows)

    def x(value: float) -> float:
        return left + (value - axis[0]) / (axis[-1] - axis[0]) * (right - left)

    grid = [
        tag(
            "g",
            None,
            line(x(tick), _TOP, x(tick), bottom, "reference" if tick == 0 else "grid"),
            label(x(tick), bottom + 18, write(tick), "middle small soft"),
        )
        for tick in axis
    ]
    drawn = [_row(row, _TOP + _ROW * place, x, left, width) for place, row in enumerate(rows)]
    words = "; ".join(f"{row.label}: {row.written}" for row in rows) + "."
    return frame(width, bottom + _BOTTOM, title, words, heading(title, unit), *grid, *drawn)


def _row(row: Interval, top: float, x: Callable[[float], float], left: float, width: float) -> Html:
    y = top + _ROW / 2
    tone = "good" if row.low > row.beyond else "warn" if row.high < row.beyond else "c0"
    return tag(
        "g",
        None,
        tag("title", None, text(f"{row.label}: {row.written}")),
        *_label(row.label, y, left - 14),
        line(x(row.beyond), y - 12, x(row.beyond), y + 12, "leader"),
        *(_dot(x(point), y, 2.5, "f-quiet") for point in row.points),
        line(x(row.low), y, x(row.high), y, f"curve s-{tone}"),
        _dot(x(row.mean), y, 5.5, f"dot f-{tone}"),
        label(width, y + 4, row.written, "end small soft"),
    )


def _label(words: str, y: float, width: float) -> list[Html]:
    """On two lines where one is too short: names of effects differ at their ends."""
    lines = scales.two_lines(words, width, EM)
    first = y + 4 - _LINE * (len(lines) - 1) / 2
    return [label(0, first + _LINE * place, part) for place, part in enumerate(lines)]


def _dot(x: float, y: float, radius: float, classes: str) -> Html:
    return tag("circle", {"cx": x, "cy": y, "r": radius, "class": classes})


def _plain(value: float) -> str:
    return f"{value:.4g}"
