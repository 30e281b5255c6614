"""The pieces that a report is made of, each a function from values to safe markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.report.markup import NOTHING, Html, join, tag, text

LONG = 60  # characters of a fact below a quotation, from which on it is not bold


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure: what it is, its value, and what to make of it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers are aligned to the right."""

    name: str
    holds: Literal["words", "numbers"] = "words"

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of the cells of this column."""
        return {"class": "num"} if self.holds == "numbers" else {}


def prose(words: str) -> Html:
    """A paragraph."""
    return tag("p", None, text(words))


def subheading(words: str) -> Html:
    """A heading inside a section."""
    return tag("h3", None, text(words))


def tiles(items: Sequence[Tile]) -> Html:
    """A row of key figures, the first of them set off."""
    parts = []
    for place, item in enumerate(items):
        note = tag("dd", {"class": "note"}, text(item.note)) if item.note else NOTHING
        value = tag("dd", {"class": "value"}, text(item.value))
        parts.append(
            tag(
                "div",
                {"class": "tile first" if place == 0 else "tile"},
                tag("dt", None, text(item.name)),
                value,
                note,
            )
        )
    return tag("dl", {"class": "tiles"}, *parts)


def stats(rows: Sequence[tuple[str, str]]) -> Html:
    """Small figures side by side: a name and a value each."""
    cells = [tag("div", None, tag("dt", None, text(n)), tag("dd", None, text(v))) for n, v in rows]
    return tag("dl", {"class": "stats"}, *cells)


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    best: int | None = None,
    width: Literal["full", "slim"] = "full",
) -> Html:
    """A table; the first cell of a row is its heading.

    Args:
        columns: at least one.
        rows: as many cells each as there are columns.
        best: the place of a row to set off.
        width: `slim` tables are only as wide as they must be.

    Raises:
        ConfigError: a row has more or fewer cells than there are columns.
    """
    body = []
    for place, row in enumerate(rows):
        if len(row) != len(columns):
            raise ConfigError(
                f"Row {place} of a table has {len(row)} cells for {len(columns)} columns. "
                "Give every row one cell a column."
            )
        cells = [tag("th", {"scope": "row"} | columns[0].attributes, text(row[0]))]
        later = zip(columns[1:], row[1:], strict=True)
        cells += [tag("td", column.attributes, text(cell)) for column, cell in later]
        body.append(tag("tr", {"class": "best"} if place == best else None, *cells))
    head = [
        tag("th", {"scope": "col"} | column.attributes, text(column.name)) for column in columns
    ]
    whole = tag(
        "table",
        {"class": width},
        tag("thead", None, tag("tr", None, *head)),
        tag("tbody", None, *body),
    )
    return tag("div", {"class": "scroll"}, whole)


def figure(
    drawing: Html, caption: str = "", *, width: Literal["wide", "medium", "half"] = "wide"
) -> Html:
    """A drawing with a caption below; a wide one scrolls sideways on a narrow screen."""
    words = tag("figcaption", None, text(caption)) if caption else NOTHING
    return tag("figure", {"class": width}, drawing, words)


def side_by_side(*parts: Html) -> Html:
    """Two pieces beside each other, below each other on a narrow screen."""
    return tag("div", {"class": "pair"}, *parts)


def callout(head: str, words: str = "", tone: Literal["plain", "good", "warn"] = "plain") -> Html:
    """What the reader should take away, in a sentence and perhaps a reason."""
    parts = [tag("p", {"class": "head"}, text(head))]
    if words:
        parts.append(prose(words))
    return tag("div", {"class": f"callout {tone}"}, *parts)


def notes(items: Sequence[str]) -> Html:
    """Remarks in small type; nothing for none."""
    if not items:
        return NOTHING
    return tag("ul", {"class": "notes"}, *(tag("li", None, text(item)) for item in items))


def commands(lines: Sequence[tuple[str, str]]) -> Html:
    """Command lines to type, each with what it does."""
    parts = []
    for typed, does in lines:
        meaning = tag("dd", None, text(does)) if does else NOTHING
        parts.append(tag("div", None, tag("dt", None, tag("code", None, text(typed))), meaning))
    return tag("dl", {"class": "type"}, *parts)


def split_words(examples: Sequence[tuple[str, Sequence[str]]]) -> Html:
    """Words, each beside the tokens it falls into."""
    rows = []
    for word, pieces in examples:
        chips = join([tag("span", {"class": "token"}, text(piece)) for piece in pieces])
        arrow = tag("span", {"class": "arrow"}, text("→"))
        rows.append(tag("li", None, tag("span", None, text(word)), arrow, tag("span", None, chips)))
    return tag("ul", {"class": "words"}, *rows)


@dataclass(frozen=True, slots=True)
class Quotation:
    """A text, and what is said of it.

    Attributes:
        words: the text.
        facts: names with their values, below it.
        note: a short figure at the end of that line.
    """

    words: str
    facts: Sequence[tuple[str, str]]
    note: str = ""


def quotations(items: Sequence[Quotation]) -> Html:
    """Texts of any length and script as cards, with what is said of each below."""
    return tag("div", {"class": "blanks"}, *(_quotation(item) for item in items))


def _long(value: str) -> dict[str, str] | None:
    """Words that are read, not glanced at, are not bold."""
    return {"class": "long"} if len(value) > LONG else None


def _quotation(item: Quotation) -> Html:
    facts = [
        tag(
            "div",
            None,
            tag("dt", None, text(name)),
            tag("dd", _long(value), tag("bdi", None, text(value))),
        )
        for name, value in item.facts
    ]
    note = tag("span", {"class": "verdict"}, text(item.note)) if item.note else NOTHING
    return tag(
        "article",
        {"class": "blank quote"},
        tag("p", {"dir": "auto"}, text(item.words)),
        tag("div", {"class": "foot"}, tag("dl", None, *facts), note),
    )
