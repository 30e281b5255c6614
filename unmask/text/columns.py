"""Which columns of a table hold texts and labels: named by the user, or told by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from unmask.errors import DataError, first_of
from unmask.text.rows import Table

# Looked for in any letter case. The first of each is taken even where others are there as well.
TEXT_COLUMNS = (
    "text", "sentence", "content", "review", "document", "body", "message", "comment", "question",
    "query", "utterance", "tweet", "post", "snippet", "description", "title",
)  # fmt: skip
LABEL_COLUMNS = (
    "label", "labels", "category", "class", "intent", "sentiment", "target", "gold_label",
    "topic", "tag",
)  # fmt: skip
NUMBER_COLUMNS = (*LABEL_COLUMNS, "score", "rating", "stars", "value", "number", "grade")
_NAMED = 14  # of these that a message names
LOOK = 1000  # rows that tell what the columns hold
PAIR_COLUMNS = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("text1", "text2"),
    ("text_a", "text_b"), ("question1", "question2"), ("question", "sentence"),
    ("query", "document"), ("query", "passage"), ("text", "pair"), ("text", "text_pair"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that are used.

    Attributes:
        text: the column of the text.
        label: the column of the labels, or None where none are read.
        pair: the column of the second text of a pair, or None where texts stand alone.
    """

    text: str
    label: str | None
    pair: str | None = None

    @classmethod
    def of(
        cls,
        table: Table,
        text_column: str | None = None,
        label_column: str | None = None,
        *,
        labels: bool = True,
        known: tuple[str, ...] = LABEL_COLUMNS,
    ) -> Columns:
        """The columns that were named, else those that can be told by their names.

        Args:
            text_column, label_column: named by the user, or None.
            labels: whether labels are needed.
            known: names by which their column is told.

        Raises:
            DataError: a named column is not there, or none or several could be meant; the message
                lists those there.
        """
        text = column_of(table, text_column, TEXT_COLUMNS, "text")
        label = column_of(table, label_column, known, "label") if labels else None
        return cls(text, label)._checked(table)

    @classmethod
    def of_pairs(
        cls,
        table: Table,
        text_column: str | None = None,
        pair_column: str | None = None,
        label_column: str | None = None,
        *,
        labels: bool = True,
        known: tuple[str, ...] = LABEL_COLUMNS,
    ) -> Columns:
        """As `of`, for pairs of texts; told by the names in `PAIR_COLUMNS`.

        Raises:
            DataError: as in `of`, or only one text of the pair was named and its name does not
                tell the other.
        """
        text, pair = pair_columns(table, text_column, pair_column)
        label = column_of(table, label_column, known, "label") if labels else None
        return cls(text, label, pair)._checked(table)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of text: one, or the two of a pair."""
        return (self.text,) if self.pair is None else (self.text, self.pair)

    def _checked(self, table: Table) -> Columns:
        used = [name for name in (*self.texts, self.label) if name is not None]
        if len(set(used)) < len(used):
            raise DataError(
                f"{'text, pair and label' if self.pair else 'text and label'} must be different "
                f"columns, but in {table.name} they are {', '.join(map(repr, used))}"
            )
        return self

    def __str__(self) -> str:
        """Which they are, for the user to see."""
        labels = "" if self.label is None else f", labels from column {self.label!r}"
        texts = f"text from column {self.text!r}"
        if self.pair is not None:
            texts = f"pairs from columns {self.text!r} and {self.pair!r}"
        return f"{texts}{labels}"


def pair_columns(
    table: Table,
    text: str | None,
    pair: str | None,
    pairs: tuple[tuple[str, str], ...] = PAIR_COLUMNS,
) -> tuple[str, str]:
    """The two columns of a pair: those named, else those whose names go together in `pairs`."""
    if text is not None and pair is not None:
        return column_of(table, text, (), "text"), column_of(table, pair, (), "pair")
    folded = {column.strip().lower(): column for column in table.columns}
    known = [
        (folded[first], folded[second])
        for first, second in pairs
        if first in folded and second in folded
    ]
    found = [(a, b) for a, b in known if text in (None, a) and pair in (None, b)]
    if len(found) == 1:
        return found[0]
    why = (
        f"several go together: {', '.join(f'{a!r} with {b!r}' for a, b in found)}"
        if found
        else "no names tell which"
    )
    raise DataError(
        f"two columns of {table.name} must hold the texts of a pair, but {why}; "
        f"{listed(table.columns)}. Choose with --text-column and --pair-column"
    )


def column_of(table: Table, named: str | None, known: tuple[str, ...], role: str) -> str:
    """The column that plays a role."""
    option = f"--{role}-column"
    if named is not None:
        if named not in table.columns:
            raise DataError(
                f"{table.name} has no column {named!r} for the {role}; {listed(table.columns)}. "
                f"Choose one of them with {option}"
            )
        return named
    folded: dict[str, list[str]] = {}
    for column in table.columns:
        folded.setdefault(column.strip().lower(), []).append(column)
    found = [column for name in known for column in folded.get(name, [])]
    sure = folded.get(known[0], found)
    if len(sure) == 1:
        return sure[0]
    nor = f" (nor {first_of([*map(repr, known[1:])], _NAMED)})" if known[1:] else ""
    none = f"is named {known[0]!r}{nor}"
    why = f"could be meant: {', '.join(map(repr, sure))}" if sure else none
    raise DataError(
        f"one column of {table.name} must hold the {role}, but "
        f"{'several' if sure else 'none'} {why}; {listed(table.columns)}. Choose with {option}"
    )


def kinds_of(table: Table) -> dict[str, str | None]:
    """What each column of a table holds, told by the first of its values that tells anything.

    Returns:
        "text"; or of lists "strings", "spans" (objects or lists), "others", or "nothing" where
        all are empty; None where there is neither text nor a list.
    """
    looked = table.look(LOOK)
    return {name: _kind(row.values.get(name) for row in looked) for name in table.columns}


def _kind(values: Iterable[object]) -> str | None:
    found = None
    for value in values:
        if isinstance(value, str):
            return "text"
        if isinstance(value, list):
            if not value:
                found = "nothing"
            elif all(isinstance(one, str) for one in value):
                return "strings"
            else:
                return "spans" if isinstance(value[0], Mapping | list) else "others"
    return found


def listed(columns: Any) -> str:
    """The names of columns, for a message."""
    return f"its columns are: {', '.join(map(repr, columns))}"
