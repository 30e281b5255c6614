"""The arithmetic of charts: ticks, smoothing, thinning, and room for labels."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from unmask.errors import ConfigError

Point = tuple[float, float]


def require_finite(values: Sequence[float], where: str) -> None:
    """Raise `ConfigError` for the first value that no chart can show."""
    for place, value in enumerate(values):
        if not math.isfinite(value):
            raise ConfigError(
                f"A chart draws finite numbers only, and {where} has {value!r} at place {place}. "
                "Leave out such points and report how many there were."
            )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) that cover `low` to `high`.

    The first is at most `low` and the last at least `high`; equal ends are pulled apart first.
    """
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def smooth(values: Sequence[float], window: int) -> list[float]:
    """Mean of the `window` (odd) values around each one.

    At the start the window shrinks on both sides alike, since a loss falls steeply there and a
    lopsided mean would lag; at the end, where it is flat, only the side that has no values shrinks,
    which keeps the last mean steady.
    """
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half, last = window // 2, len(values) - 1
    out = []
    for place in range(len(values)):
        before = min(half, place)
        after = min(before, last - place)
        out.append((sums[place + after + 1] - sums[place - before]) / (before + after + 1))
    return out


def smoothing_window(points: int) -> int:
    """The odd window for a series of so many points: about a fiftieth of it."""
    return max(1, points // 50) | 1


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points, of which every spike is one.

    The series is cut into runs of equal length, and the lowest and the highest point of each stay:
    a thinned picture then covers the same area as the full one.
    """
    if len(points) <= most:
        return list(points)
    runs = most // 2
    kept: list[Point] = []
    for run in range(runs):
        part = points[run * len(points) // runs : (run + 1) * len(points) // runs]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept.extend(sorted(ends))
    return kept


def sample(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` (two or more) evenly spaced points of a smooth curve, both ends included."""
    if len(points) <= most:
        return list(points)
    last = len(points) - 1
    return [points[round(place * last / (most - 1))] for place in range(most)]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart until neighbours are `gap` from each other, keeping their order.

    Positions stay within `low` to `high` where there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    placed = [min(max(wanted[place], low), high) for place in order]
    for place in range(1, len(placed)):
        placed[place] = max(placed[place], placed[place - 1] + gap)
    limit = high
    for place in range(len(placed) - 1, -1, -1):
        placed[place] = min(placed[place], limit)
        limit = placed[place] - gap
    out = [0.0] * len(wanted)
    for place, value in zip(order, placed, strict=True):
        out[place] = value
    return out


def text_width(label: str, em: float) -> float:
    """A generous guess of a label's width in a font of `em` pixels; wide scripts count double."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in label)
    return em * (0.6 * (len(label) - wide) + 1.05 * wide)


def fit(label: str, width: float, em: float) -> str:
    """Shorten a label to about `width` pixels with an ellipsis; a tooltip has the whole."""
    if text_width(label, em) <= width:
        return label
    kept = label
    while kept and text_width(kept + "…", em) > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def two_lines(label: str, width: float, em: float) -> list[str]:
    """A label as one line, or as two where it is too long, broken between words.

    Only what two lines cannot hold is shortened, as by `fit`.
    """
    if text_width(label, em) <= width:
        return [label]
    words = label.split(" ")
    taken = 1
    while text_width(" ".join(words[: taken + 1]), em) <= width:
        taken += 1
    lines = [" ".join(words[:taken]), " ".join(words[taken:])]
    return [fit(line, width, em) for line in lines if line]
