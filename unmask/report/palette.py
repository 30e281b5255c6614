"""Colours: one table for light pages, one for dark ones.

The hues are those of Okabe and Ito ("Color Universal Design", 2008), which people with the common
kinds of colour blindness can tell apart, made darker or lighter until they stand out from the page:
at least 4.5 to 1 for everything that is read, 3 to 1 for marks (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#ffffff",
    "tint": "#f4f6f8",
    "line": "#dde2e7",
    "track": "#e9edf1",
    "ink": "#16202a",
    "soft": "#566270",
    "c0": "#0067a8",
    "c1": "#bd4b00",
    "c2": "#007a58",
    "c3": "#a24a7e",
    "good": "#007a58",
    "warn": "#b34700",
    "quiet": "#778394",
    "heat": "#004c80",
}
DARK: Mapping[str, str] = {
    "page": "#13171c",
    "tint": "#1b2128",
    "line": "#303944",
    "track": "#252d36",
    "ink": "#e8edf2",
    "soft": "#a3afbc",
    "c0": "#5db5ee",
    "c1": "#f0994a",
    "c2": "#3fc79b",
    "c3": "#dd94bf",
    "good": "#3fc79b",
    "warn": "#f0994a",
    "quiet": "#7d8998",
    "heat": "#8fd0fb",
}
HEAT_LEVELS = 12
"""Steps of the colour scale of a heat map, above level 0, which is the page's own tint."""


def luminance(colour: str) -> float:
    """Relative luminance (0 to 1) of `#rrggbb`, after WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 (the same) to 21 (black on white), after WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mix(start: str, end: str, share: float) -> str:
    """The colour that lies `share` (0 to 1) of the way from `start` to `end`."""
    pairs = [
        (int(start[place : place + 2], 16), int(end[place : place + 2], 16)) for place in (1, 3, 5)
    ]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def heat(colours: Mapping[str, str], level: int) -> tuple[str, str]:
    """Fill and text colour of one level of the heat map; the text is whichever reads better."""
    fill = mix(colours["tint"], colours["heat"], level / HEAT_LEVELS)
    return fill, max("#000000", "#ffffff", key=lambda ink: contrast(ink, fill))


def variables(colours: Mapping[str, str]) -> str:
    """The colours as CSS custom properties."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def heat_css(colours: Mapping[str, str]) -> str:
    """CSS rules for the levels of the heat map."""
    rules = []
    for level in range(HEAT_LEVELS + 1):
        fill, ink = heat(colours, level)
        rules.append(f".h{level} rect{{fill:{fill}}}.h{level} text{{fill:{ink}}}")
    return "".join(rules)
