"""What every chart shares: the frame of an SVG, its words, and its style."""

from __future__ import annotations

import re
from collections.abc import Mapping

from unmask.errors import ConfigError
from unmask.report import palette
from unmask.report.markup import Html, join, tag, text

FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace'
EM = 13.0
"""Font size of labels in pixels of the drawing."""

CHART_CSS = (
    f".chart text{{font-family:{FONT};font-size:13px;fill:var(--ink);"
    "font-variant-numeric:tabular-nums}"
    ".chart .title{font-size:15px;font-weight:650}"
    ".chart .unit{font-size:13px;font-weight:400;fill:var(--soft)}"
    ".chart .soft{fill:var(--soft)}.chart .small{font-size:12px}.chart .strong{font-weight:650}"
    f".chart .mono{{font-family:{MONO}}}"
    ".chart .end{text-anchor:end}.chart .middle{text-anchor:middle}"
    ".chart .grid{stroke:var(--line);stroke-width:1}.chart .track{fill:var(--track)}"
    ".chart .leader{stroke:var(--quiet);stroke-width:1;fill:none}"
    ".chart .reference{stroke:var(--soft);stroke-width:1.25;stroke-dasharray:5 4}"
    ".chart .raw{fill:none;stroke-width:2.4;stroke-linecap:round;opacity:.3}"
    ".chart .curve{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}"
    ".chart .thread{fill:none;stroke-width:1.25;opacity:.55}"
    ".chart .dot{stroke:var(--page);stroke-width:1.5}"
    ".chart .truth rect{stroke:var(--ink);stroke-width:1.5}"
) + "".join(
    f".chart .s-{name}{{stroke:var(--{name})}}.chart .f-{name}{{fill:var(--{name})}}"
    for name in ("c0", "c1", "c2", "c3", "good", "warn", "quiet")
)
"""Rules for all charts; a page needs them once, beside the variables of the palette."""


def label(x: float, y: float, words: str, classes: str = "") -> Html:
    """A piece of text with its baseline at `y`."""
    return tag("text", {"x": x, "y": y} | ({"class": classes} if classes else {}), text(words))


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> Html:
    """A straight line."""
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": classes})


def box(x: float, y: float, width: float, height: float, classes: str, round_by: float = 2) -> Html:
    """A rectangle with slightly round corners; a negative width counts as none."""
    shape = {"x": x, "y": y, "width": max(width, 0.0), "height": height, "rx": round_by}
    return tag("rect", shape | {"class": classes})


def heading(title: str, unit: str) -> Html:
    """The visible title of a chart, with what its numbers are in lighter type behind it."""
    tail = tag("tspan", {"class": "unit", "dx": 8}, text(unit)) if unit else Html("")
    return tag("text", {"x": 0, "y": 16, "class": "title"}, text(title), tail)


def frame(width: float, height: float, title: str, description: str, *parts: Html) -> Html:
    """The outer element: scales with its place; has title and description for screen readers."""
    head = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "chart",
        "viewBox": f"0 0 {round(width)} {round(height)}",
        "width": str(round(width)),
        "height": str(round(height)),
        "role": "img",
    }
    words = (tag("title", None, text(title)), tag("desc", None, text(description)))
    return tag("svg", head, *words, join(parts))


def standalone(chart: Html, margin: int = 16) -> Html:
    """Make of one chart a file of its own, with a ground and colours for light and dark.

    The colours are written out, because not every viewer of SVG files knows CSS variables.

    Raises:
        ConfigError: `chart` is something else.
    """
    shape = re.match(r'<svg [^>]*viewBox="0 0 (\d+) (\d+)"', chart)
    if shape is None:
        raise ConfigError("standalone() takes a chart as a function of `charts` returned it.")
    width, height = int(shape[1]), int(shape[2])
    dark = f"@media (prefers-color-scheme:dark){{{_resolved(palette.DARK)}}}"
    style = tag("style", None, Html(_resolved(palette.LIGHT) + dark))
    around = {
        "x": -margin,
        "y": -margin,
        "width": width + 2 * margin,
        "height": height + 2 * margin,
    }
    ground = tag("rect", around | {"class": "ground", "rx": 8})
    view = f"{-margin} {-margin} {width + 2 * margin} {height + 2 * margin}"
    opened = chart.replace(f'viewBox="0 0 {width} {height}"', f'viewBox="{view}"', 1)
    opened = opened.replace(f'width="{width}"', f'width="{width + 2 * margin}"', 1)
    opened = opened.replace(f'height="{height}"', f'height="{height + 2 * margin}"', 1)
    return Html(opened.replace("</desc>", f"</desc>{style}{ground}", 1))


def _resolved(colours: Mapping[str, str]) -> str:
    rules = CHART_CSS + palette.heat_css(colours) + ".chart .ground{fill:var(--page)}"
    return re.sub(r"var\(--([a-z0-9]+)\)", lambda found: colours[found[1]], rules)
