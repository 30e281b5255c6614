"""Safe markup: the one place where text becomes HTML or SVG.

`Html` is a string that is already escaped. Plain strings become `Html` only through `text`
(escaped) or `tag` (built), so a type checker finds every place where raw text would reach the page.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import NewType

Html = NewType("Html", str)
"""Markup that is safe to put on a page as it stands."""

NOTHING = Html("")

Attributes = Mapping[str, str | float]
"""Attributes of an element: texts are escaped, numbers are written with at most two decimals."""

_VOID = frozenset({"meta", "br", "hr", "link"})
# Control characters are shown as their Unicode pictures (U+2400...), so that an escape sequence
# hidden in a corpus is visible on the page and harmless in a terminal. Tab and line feed stay.
_VISIBLE = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
# Of the rest, surrogates have no UTF-8, and the last two are no characters.
_UNSHOWN = (*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_VISIBLE |= {0x7F: "\u2421"} | dict.fromkeys(_UNSHOWN, "\ufffd")


def visible(raw: str) -> str:
    """Return `raw` with control characters and lone surrogates replaced by visible signs.

    Nothing is dropped: the number of characters stays the same.
    """
    return raw.translate(_VISIBLE)


def text(raw: str) -> Html:
    """Escape any text for element content and for quoted attribute values."""
    return Html(html.escape(visible(raw), quote=True))


def join(parts: Sequence[Html], between: Html = NOTHING) -> Html:
    """Join pieces of markup."""
    return Html(between.join(parts))


def tag(name: str, attributes: Attributes | None = None, *children: Html) -> Html:
    """Build one element.

    Args:
        name: the element's name, from code and never from data.
        attributes: see `Attributes`; the names come from code too.
        children: content that is already safe.
    """
    written = "".join(f' {key}="{_value(value)}"' for key, value in (attributes or {}).items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{''.join(children)}</{name}>")


def number(value: float) -> str:
    """Write a coordinate: at most two decimals, no trailing zeros, never `-0`."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _value(value: str | float) -> str:
    return text(value) if isinstance(value, str) else number(value)
