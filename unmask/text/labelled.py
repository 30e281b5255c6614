"""Labelled text: rows of a table with what is to be said of each, and labels as names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

from unmask.errors import DataError
from unmask.text.bad import Reading, none_read
from unmask.text.columns import Columns, listed
from unmask.text.empty import is_empty
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.rows import Row, Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Targeted(Generic[T]):
    """Texts, or pairs of texts, with what is to be said of each, in the order of the file.

    Attributes:
        name: of the file.
        columns: where text and labels were found.
        texts: N texts; one may be empty.
        labels: N targets, such as names of labels.
        skipped: bad places that were left out because the reading skips them.
        seconds: the second text of each pair; None where texts stand alone.
        left_out: what is said of the bad places; see `Reading.left_out`.
        lines: where each row stands in the file; see `Row.line`.
    """

    name: str
    columns: Columns
    texts: tuple[str, ...]
    labels: tuple[T, ...]
    skipped: int = 0
    seconds: tuple[str, ...] | None = None
    left_out: str = ""
    lines: tuple[int, ...] = ()

    def __len__(self) -> int:
        """N, the number of rows."""
        return len(self.texts)

    @property
    def asked(self) -> tuple[tuple[str, ...], ...]:
        """`(N,)` what each row asks about: its text, or its two."""
        if self.seconds is None:
            return tuple((text,) for text in self.texts)
        return tuple(zip(self.texts, self.seconds, strict=True))

    def some(self, places: Sequence[int]) -> Targeted[T]:
        """The rows at these places."""
        seconds = self.seconds
        return replace(
            self,
            texts=tuple(self.texts[place] for place in places),
            labels=tuple(self.labels[place] for place in places),
            seconds=None if seconds is None else tuple(seconds[place] for place in places),
            lines=tuple(self.lines[place] for place in places) if self.lines else (),
        )

    def at(self, place: int) -> str:
        """Where a row stands, for messages: `file:line`."""
        return f"{self.name}:{self.lines[place]}"


Labelled = Targeted[str]
"""Each with one label, by name."""


def read_labelled(
    path: str | Path | Table,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    reading: Reading | None = None,
) -> Labelled:
    """All labelled text of a table.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed; or the table.
        text_column, label_column: as in `Columns.of`.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column or a label is missing, a label is no name, or there are no rows.
        CorruptText: a bad place, or a text that is none.
    """
    table = Table.open(path)
    columns = Columns.of(table, text_column, label_column)
    return _labelled(table, columns, reading or Reading())


def read_labelled_pairs(
    path: str | Path | Table,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    *,
    reading: Reading | None = None,
) -> Labelled:
    """All labelled pairs of texts of a table.

    Args and errors are as in `read_labelled`; the columns as in `Columns.of_pairs`.
    """
    table = Table.open(path)
    columns = Columns.of_pairs(table, text_column, pair_column, label_column)
    return _labelled(table, columns, reading or Reading())


def _labelled(table: Table, columns: Columns, reading: Reading) -> Labelled:
    found = read_targets(table, columns, reading, label_of)
    check_spelling(table.name, zip(found.labels, found.lines, strict=True))
    return found


def read_targets(
    table: Table, columns: Columns, reading: Reading, target: Callable[[Table, Row, str], T]
) -> Targeted[T]:
    """All rows of a table with their targets.

    Args:
        table, columns: where they are.
        reading: takes the counts and the bad places.
        target: gives that of a row; takes the column's name.

    Raises:
        DataError: a target cannot be read, unless `reading` skips such rows; or there are no rows.
        CorruptText: a bad place, or a text that is none.
    """
    texts, labels, lines = [], [], []
    for row, asked in asked_of(table, columns, reading):
        try:
            label = target(table, row, columns.label or "")
        except DataError as error:
            if reading.on_bad == "stop":
                raise
            reason = str(error).removeprefix(f"{table.at(row)}: ")
            reading.report_bad(table.name, row.line, reason)
        else:
            texts.append(asked)
            labels.append(label)
            lines.append(row.line)
    if not texts:
        raise DataError(none_read("labelled data must have rows", table.name, reading))
    return Targeted(
        name=table.name,
        columns=columns,
        texts=tuple(asked[0] for asked in texts),
        labels=tuple(labels),
        skipped=reading.bad,
        seconds=None if columns.pair is None else tuple(asked[1] for asked in texts),
        left_out=reading.left_out,
        lines=tuple(lines),
    )


def texts_of(table: Table, columns: Columns, reading: Reading) -> Iterator[tuple[Row, str]]:
    """Each row of a table with its text; see `asked_of`."""
    return ((row, asked[0]) for row, asked in asked_of(table, columns, reading))


def asked_of(
    table: Table, columns: Columns, reading: Reading
) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Each row of a table with its text, or its two. A row without one is a bad place.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row in table.rows(reading):
        try:
            yield row, tuple(_text(row, column) for column in columns.texts)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))


def _text(row: Row, column: str) -> str:
    if column not in row.values:
        raise ValueError(f"no column {column!r}; {listed(row.values)}")
    text = row.values[column]
    if not isinstance(text, str):
        raise ValueError(f"column {column!r} holds {kind_in_words(text)}, not text")
    return whole_text(text, column)


def label_of(table: Table, row: Row, column: str) -> str:
    """The label of a row, as a name.

    Raises:
        DataError: it is missing, empty, NaN, or no single value.
    """
    try:
        return label_name(target_value(table, row, column))
    except ValueError as error:
        raise DataError(
            f"{table.at(row)}: every label must be a name or a number, but in column {column!r} "
            f"{error}"
        ) from None


def target_value(table: Table, row: Row, column: str) -> Any:
    """What a row holds in the column of targets, as it stands.

    Raises:
        DataError: it has no such column.
    """
    if column not in row.values:
        raise DataError(
            f"{table.at(row)}: every row must have a label, but this one has no column "
            f"{column!r}; {listed(row.values)}. Choose with --label-column"
        )
    return row.values[column]


def label_name(value: Any) -> str:
    """A label as a name: text stays, a number becomes its decimal string, true is "true".

    Raises:
        ValueError: it is none; says what it is and what to do.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        value = str(value)
    elif isinstance(value, float):
        value = repr(value)
    remedy = "give the row a label or remove it"
    if value is None or (isinstance(value, str) and is_empty(value)):
        raise ValueError(f"it is empty; {remedy}")
    if not isinstance(value, str):
        raise ValueError(f"it is {kind_in_words(value)}; write one label a row")
    if value.lower() == "nan":
        raise ValueError(f"it is {value!r}, which mostly stands for a missing one; {remedy}")
    return whole_text(value, "label")


def sorted_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in the order in which a model numbers them: by value where all are whole
    numbers, else by name."""
    names = set(labels)
    if all(name.removeprefix("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def check_spelling(name: str, labels: Iterable[tuple[str, int]]) -> None:
    """Refuse two labels that differ only in the space around them: they are one, misspelt.

    Args:
        name: of the file.
        labels: of all its rows, or the different ones among them, each with its line.

    Raises:
        DataError: shows the first two, and where each first stands.
    """
    lines: dict[str, int] = {}
    for label, line in labels:
        lines.setdefault(label, line)
    seen: dict[str, str] = {}
    for label in sorted(lines):
        if (other := seen.setdefault(label.strip(), label)) != label:
            raise DataError(
                "labels must differ in more than the space around them, but "
                f"{name}:{lines[other]} has {other!r} and {name}:{lines[label]} {label!r}; write "
                "them alike"
            )
