"""Curves over steps: what happened while a model trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.errors import ConfigError
from unmask.report import scales
from unmask.report.drawing import frame, heading, label, line
from unmask.report.markup import NOTHING, Attributes, Html, join, number, tag, text
from unmask.report.series import (
    RAW_POINTS,
    ReferenceLine,
    Series,
    Write,
    describe,
    plain,
    tick_label,
)

CURVE_POINTS = 400
_TOP, _BOTTOM, _LEFT = 60.0, 46.0, 52.0
_SMALL = 12.0


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where the data lie on the drawing."""

    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    x_end: float
    right: float
    bottom: float

    def x(self, value: float) -> float:
        start = self.x_ticks[0]
        return _LEFT + (value - start) / (self.x_end - start) * (self.right - _LEFT)

    def y(self, value: float) -> float:
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - _TOP)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{number(self.x(x))} {number(self.y(y))}" for x, y in points)


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str,
    reference_lines: Sequence[ReferenceLine] = (),
    y_format: Write | None = None,
    width: int = 840,
    height: int = 360,
) -> Html:
    """Draw curves over a common x axis, as an SVG.

    A noisy series of more than 1,200 points is thinned to the lowest and the highest of every run
    of points, so that no spike disappears; the running mean is always that of all points. The
    legend and the description say so.

    Args:
        series: at least one point among them all.
        x_label: what the x axis counts.
        y_label: what is measured, with its unit; shown beside the title.
        title: names the chart.
        reference_lines: dashed horizontal lines with a label.
        y_format: writes a value of y; plain numbers without it.
        width, height: size in pixels of the drawing, which scales with its place.

    Raises:
        ConfigError: no point at all, or a number that is not finite.
    """
    drawn = [one for one in series if one.points]
    if not drawn:
        raise ConfigError(
            f"The chart {title!r} has no point to draw. Give at least one series a point."
        )
    for one in drawn:
        values = [value for point in one.points for value in point]
        scales.require_finite(values, f"series {one.name!r}")
    scales.require_finite([one.value for one in reference_lines], "a reference line")
    write = y_format or plain
    labelled = bool(reference_lines) or len(drawn) > 1
    names = [(one.name, one.bold()[-1][1]) for one in drawn]
    names += [(one.name, one.value) for one in reference_lines]
    widest = max(scales.text_width(f"{name} {write(value)}", _SMALL) for name, value in names)
    room = min(widest + 26, width * 0.29) if labelled else 14.0
    plot = _plot(drawn, reference_lines, width - room, height)
    return frame(
        width,
        height,
        title,
        describe(drawn, reference_lines, f"{y_label} against {x_label}", write),
        heading(title, y_label),
        _legend(drawn) if labelled or drawn[0].note else NOTHING,
        _axes(plot, x_label, height, y_format),
        *(_level(plot, reference.value) for reference in reference_lines),
        *(_marks(plot, one, f"c{place % 4}", write) for place, one in enumerate(drawn)),
        _end_labels(plot, names, len(drawn), room, write) if labelled else NOTHING,
    )


def _plot(
    series: Sequence[Series], references: Sequence[ReferenceLine], right: float, height: float
) -> _Plot:
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points] + [one.value for one in references]
    # A run starts at nothing, so the x axis does too, except where that would waste most of it.
    low = 0.0 if 0 <= min(xs) <= 0.5 * max(xs) else min(xs)
    x_ticks = scales.ticks(low, max(xs), max(3, round((right - _LEFT) / 90)))
    # The axis ends where the data end: a rounded end would leave the curve short of its frame.
    x_end = max(xs) if max(xs) > x_ticks[0] else x_ticks[-1]
    y_ticks = scales.ticks(min(ys), max(ys), max(3, round(height / 70)))
    shown = [tick for tick in x_ticks if tick <= x_end]
    return _Plot(shown, y_ticks, x_end, right, height - _BOTTOM)


def _axes(plot: _Plot, x_label: str, height: float, y_format: Write | None) -> Html:
    parts = []
    for tick in plot.y_ticks:
        words = y_format(tick) if y_format else tick_label(tick, plot.y_ticks)
        parts.append(line(_LEFT, plot.y(tick), plot.right, plot.y(tick), "grid"))
        parts.append(label(_LEFT - 8, plot.y(tick) + 4, words, "soft small end"))
    for tick in plot.x_ticks:
        parts.append(line(plot.x(tick), plot.bottom, plot.x(tick), plot.bottom + 5, "grid"))
        words = tick_label(tick, plot.x_ticks)
        parts.append(label(plot.x(tick), plot.bottom + 19, words, "soft small middle"))
    parts.append(label((_LEFT + plot.right) / 2, height - 6, x_label, "soft small middle"))
    return join(parts)


def _level(plot: _Plot, value: float) -> Html:
    return line(_LEFT, plot.y(value), plot.right, plot.y(value), "reference")


def _marks(plot: _Plot, one: Series, colour: str, write: Write) -> Html:
    if one.kind == "dots":
        thread = tag("path", {"d": plot.path(one.points), "class": f"thread s-{colour}"})
        dots = (_dot(plot, x, y, colour, f"{one.name}: {write(y)}") for x, y in one.points)
        return join([thread, *dots])
    curve = plot.path(scales.sample(one.bold(), CURVE_POINTS))
    bold = tag("path", {"d": curve, "class": f"curve s-{colour}"})
    if one.kind == "curve":
        return bold
    # One path of zero-length strokes with round ends: a dot in a few bytes.
    kept = scales.thin(one.points, RAW_POINTS)
    faint = "".join(f"M{number(plot.x(x))} {number(plot.y(y))}h0" for x, y in kept)
    return join([tag("path", {"d": faint, "class": f"raw s-{colour}"}), bold])


def _dot(plot: _Plot, x: float, y: float, colour: str, words: str) -> Html:
    place: Attributes = {"cx": plot.x(x), "cy": plot.y(y), "r": 4.5, "class": f"dot f-{colour}"}
    return tag("circle", place, tag("title", None, text(words)))


def _end_labels(
    plot: _Plot, names: Sequence[tuple[str, float]], curves: int, room: float, write: Write
) -> Html:
    """Names and last values to the right of the plot; the first `curves` of them in colour."""
    wanted = [plot.y(value) for _, value in names]
    places = scales.spread(wanted, 17, _TOP + 4, plot.bottom - 2)
    parts = []
    for place, ((name, value), y) in enumerate(zip(names, places, strict=True)):
        elbow = f"M{number(plot.right + 4)} {number(plot.y(value))}"
        elbow += f"L{number(plot.right + 16)} {number(y)}"
        parts.append(tag("path", {"d": elbow, "class": "leader"}))
        left = room - 24 - scales.text_width(f" {write(value)}", _SMALL)
        shown = f"{scales.fit(name, left, _SMALL)} {write(value)}"
        tone = f"strong f-c{place % 4}" if place < curves else "soft"
        at: Attributes = {"x": plot.right + 20, "y": y + 4, "class": f"small {tone}"}
        whole = tag("title", None, text(f"{name} {write(value)}"))
        parts.append(tag("text", at, whole, text(shown)))
    return join(parts)


def _legend(series: Sequence[Series]) -> Html:
    parts, x = [], 0.0
    for place, one in enumerate(series):
        colour = f"c{place % 4}"
        if one.kind == "dots":
            parts.append(
                tag("circle", {"cx": x + 9, "cy": 38, "r": 4.5, "class": f"dot f-{colour}"})
            )
        else:
            parts.append(line(x, 38, x + 18, 38, f"curve s-{colour}"))
        words = f"{one.name} ({one.note})" if one.note else one.name
        parts.append(label(x + 24, 42, words, "soft small"))
        x += 24 + scales.text_width(words, _SMALL) * 0.92 + 18
    return join(parts)
