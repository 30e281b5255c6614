"""The calibration curve: how sure guesses are, against how many of them are right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unmask.errors import ConfigError
from unmask.evaluation.confidence import Bin
from unmask.report.drawing import frame, heading, label, line
from unmask.report.markup import Attributes, Html, tag, text
from unmask.report.units import count, percent

_LEFT, _TOP, _SIDE, _BOTTOM = 52.0, 40.0, 380.0, 46.0
_SMALLEST, _LARGEST = 3.0, 15.0  # radius in pixels
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def reliability(bins: Sequence[Bin], *, title: str = "Calibration", width: int = 480) -> Html:
    """Draw a dot for each bin with rows, as large as it has rows, beside the diagonal.

    Args:
        bins: of `unmask.evaluation.confidence`; at least one with rows.
        title: names the chart.
        width: size in pixels of the drawing.

    Raises:
        ConfigError: no bin has rows.
    """
    filled = [one for one in bins if one.confidence is not None and one.accuracy is not None]
    if not filled:
        raise ConfigError(f"The chart {title!r} has no bin with rows. Give it at least one.")
    foot, most = _TOP + _SIDE, max(one.rows for one in filled)
    grid = []
    for tick in _TICKS:
        x, y = _LEFT + tick * _SIDE, foot - tick * _SIDE
        grid.append(line(_LEFT, y, _LEFT + _SIDE, y, "grid"))
        grid.append(line(x, _TOP, x, foot, "grid"))
        grid.append(label(_LEFT - 8, y + 4, percent(tick, 0), "soft small end"))
        grid.append(label(x, foot + 18, percent(tick, 0), "soft small middle"))
    middle = _LEFT + _SIDE / 2
    words = "; ".join(
        f"{percent(one.confidence or 0.0)} sure, {percent(one.accuracy or 0.0)} right, of "
        f"{count(one.rows)}"
        for one in filled
    )
    return frame(
        width,
        foot + _BOTTOM,
        title,
        f"{words}.",
        heading(title, "share of the guesses that are right"),
        *grid,
        line(_LEFT, foot, _LEFT + _SIDE, _TOP, "reference"),
        *(_dot(one, foot, most) for one in sorted(filled, key=lambda one: -one.rows)),
        label(middle, foot + 38, "probability that the model gives its guess", "soft small middle"),
    )


def _dot(one: Bin, foot: float, most: int) -> Html:
    sure, right = one.confidence or 0.0, one.accuracy or 0.0
    # The area says how many rows, so that a dot of one row does not catch the eye.
    radius = max(_SMALLEST, _LARGEST * math.sqrt(one.rows / most))
    place: Attributes = {
        "cx": _LEFT + sure * _SIDE,
        "cy": foot - right * _SIDE,
        "r": radius,
        "class": "dot f-c0",
    }
    said = f"{percent(sure)} sure, {percent(right)} right, of {count(one.rows)} rows"
    return tag("circle", place, tag("title", None, text(said)))
