"""What a line chart is given, and what follows from it before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.report import scales
from unmask.report.units import count, decimals, short

RAW_POINTS = 1200
"""Most faint points that a chart draws of one series."""

Kind = Literal["noisy", "dots", "curve"]
Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One named series of (x, y) points, in the order of x.

    Attributes:
        name: what the legend calls it.
        points: finite numbers; may be empty, and is then left out of the chart.
        kind: `noisy` (each point faint, a running mean on top), `dots` (few measurements, joined by
            a thin line) or `curve` (a plain line).
    """

    name: str
    points: Sequence[tuple[float, float]]
    kind: Kind = "noisy"

    def bold(self) -> list[tuple[float, float]]:
        """The points of the line that is drawn boldly: of a noisy series, its running mean."""
        if self.kind != "noisy":
            return list(self.points)
        means = scales.smooth([y for _, y in self.points], self.window)
        return [(x, mean) for (x, _), mean in zip(self.points, means, strict=True)]

    @property
    def window(self) -> int:
        """Points that one value of the running mean stands for."""
        return scales.smoothing_window(len(self.points))

    @property
    def note(self) -> str:
        """How the drawing differs from the bare points, in a few words."""
        if self.kind != "noisy" or self.window == 1:
            return ""
        if len(self.points) <= RAW_POINTS:
            return f"mean of {self.window}; faint: each one"
        run = len(self.points) / (RAW_POINTS // 2)
        return f"mean of {self.window}; faint: lowest and highest of every {run:.0f}"


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A horizontal line to compare with, such as the loss of a baseline."""

    name: str
    value: float


def plain(value: float) -> str:
    """Write a value of y where the caller has no wish: three figures or so."""
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:.2f}" if abs(value) < 1000 else short(value)


def tick_label(value: float, ticks: Sequence[float]) -> str:
    """Write a tick so that it differs from its neighbours, and no longer than that."""
    if max(abs(tick) for tick in ticks) < 10_000:
        return f"{value:,.{decimals(ticks[1] - ticks[0]) if len(ticks) > 1 else 0}f}"
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{letter}"
    return f"{value:.4g}"


def describe(
    series: Sequence[Series], references: Sequence[ReferenceLine], axes: str, write: Write
) -> str:
    """Say in words what a chart shows, for people who do not see it."""
    parts = [f"{axes}."]
    for one in series:
        total, first, last = count(len(one.points)), one.points[0][1], one.bold()[-1][1]
        note = f" ({one.note})" if one.note else ""
        parts.append(f"{one.name}{note}: {total} points, from {write(first)} to {write(last)}.")
    parts += [f"{one.name}: {write(one.value)}." for one in references]
    return " ".join(parts)
