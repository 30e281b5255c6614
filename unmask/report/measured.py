"""The page of an evaluation: what all of them have, around the sections of its kind."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.facts_measured import About
from unmask.report.markup import Html
from unmask.report.page import Report
from unmask.report.pieces import Tile
from unmask.report.section_measured import Line, against_section, figures_section, three
from unmask.report.units import capital, count

FOOTER = "Made by unmask. This page is one file: it loads nothing and runs no script."
MOST_TILES = 4


def measured(
    title: str,
    about: About,
    lead: str,
    tiles: Sequence[Tile],
    figures: Html,
    sections: Sequence[tuple[str, Html]],
) -> Report:
    """The report, ready to be rendered or saved.

    Args:
        title: the heading of the page.
        about: what was measured.
        lead: the first paragraph.
        tiles: key figures.
        figures: the section of all figures.
        sections: those that follow, with their headings.
    """
    report = Report(title, lead=lead, when=about.when, footer=FOOTER)
    report.tiles(tiles)
    report.section("Figures", figures)
    if about.against is not None:
        report.section(
            f"Against {about.against.other}", against_section(about.model, about.against)
        )
    for heading, content in sections:
        report.section(heading, content)
    return report


def figures_of(
    lines: Sequence[Line], rows: tuple[str, int], remarks: Sequence[str] = ()
) -> tuple[list[Tile], Html]:
    """The first figures as tiles, and the section of all of them.

    Args:
        lines: the figures, the main ones first.
        rows: what they are of, and how many there are.
        remarks: below the table.
    """
    tiles = [
        Tile(capital(line.name), three(line.estimate.value), _between(line))
        for line in lines
        if line.estimate.value is not None
    ]
    counted = Tile(capital(rows[0]), count(rows[1]))
    return [*tiles[:MOST_TILES], counted], figures_section(lines, remarks)


def _between(line: Line) -> str:
    return "" if line.estimate.interval is None else str(line.estimate.interval)
