"""A report: one HTML file that holds everything it shows and asks for nothing else.

The page has no script, and its content security policy forbids all loading; the one style sheet is
allowed by its digest, so that markup which slipped through could neither run, style, nor fetch
anything.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from unmask.checkpoint.durable import write_file
from unmask.report import pieces
from unmask.report.markup import NOTHING, Html, join, tag, text
from unmask.report.style import style_sheet


class Report:
    """A page under construction: a summary on top, then numbered sections in the order they are
    added.

    Args:
        title: the heading, and the title of the browser's tab.
        lead: the first paragraph, which says what happened.
        when: a date or the like, shown beside the name of the product.
        footer: the last line.
    """

    def __init__(self, title: str, *, lead: str = "", when: str = "", footer: str = "") -> None:
        self.title, self.lead, self.when, self.footer = title, lead, when, footer
        self._tiles: list[pieces.Tile] = []
        self._sections: list[tuple[str, str, Html]] = []

    def tiles(self, tiles: Sequence[pieces.Tile]) -> None:
        """Add key figures below the first paragraph."""
        self._tiles.extend(tiles)

    def section(self, heading: str, *parts: Html) -> None:
        """Add a section made of `pieces`; the page numbers it and links to it from its top."""
        anchor = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") or "section"
        taken = {known for known, _, _ in self._sections}
        unique = anchor if anchor not in taken else f"{anchor}-{len(self._sections) + 1}"
        self._sections.append((unique, heading, join(parts)))

    def render(self) -> str:
        """Return the whole page."""
        style = style_sheet()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        )
        head = [
            tag("meta", {"charset": "utf-8"}),
            tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
            tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            tag("meta", {"name": "referrer", "content": "no-referrer"}),
            tag("title", None, text(self.title)),
            tag("style", None, Html(style)),
        ]
        sections = [
            _section(place, *section) for place, section in enumerate(self._sections, start=1)
        ]
        body = [
            self._header(),
            tag("main", None, *sections),
            tag("footer", None, text(self.footer)) if self.footer else NOTHING,
        ]
        page = tag("html", {"lang": "en"}, tag("head", None, *head), tag("body", None, *body))
        return f"<!DOCTYPE html>\n{page}\n"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to `path` at once: a reader finds the old file or the whole new one.

        Raises:
            CheckpointError: the disk is full or refuses.
        """
        target = Path(path)
        write_file(target, self.render().encode())
        return target

    def _header(self) -> Html:
        name = tag("span", None, text("un"), tag("b", None, text("m")), text("ask"))
        when = tag("span", {"class": "when"}, text(self.when)) if self.when else NOTHING
        links = [
            tag("a", {"href": f"#{anchor}"}, tag("span", None, text(str(place))), text(heading))
            for place, (anchor, heading, _) in enumerate(self._sections, start=1)
        ]
        return tag(
            "header",
            None,
            tag("div", {"class": "mark"}, name, when),
            tag("h1", None, text(self.title)),
            tag("p", {"class": "lead"}, text(self.lead)) if self.lead else NOTHING,
            pieces.tiles(self._tiles) if self._tiles else NOTHING,
            tag("nav", {"aria-label": "Sections"}, *links) if links else NOTHING,
        )


def _section(place: int, anchor: str, heading: str, content: Html) -> Html:
    step = tag("span", {"class": "step"}, text(str(place)))
    title = tag("h2", None, step, tag("span", None, text(heading)))
    return tag("section", {"id": anchor}, title, content)
