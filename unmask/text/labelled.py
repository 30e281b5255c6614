"""Labelled text: which columns of a table hold it, and labels as names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.rows import Row, Table

# Looked for in any letter case. The first of each is taken even where others are there as well.
TEXT_COLUMNS = (
    "text", "sentence", "content", "review", "document", "body", "message", "comment", "question",
    "query", "utterance", "tweet", "post", "snippet", "description", "title",
)  # fmt: skip
LABEL_COLUMNS = (
    "label", "labels", "category", "class", "intent", "sentiment", "target", "gold_label",
    "topic", "tag",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that are used.

    Attributes:
        text: the column of the text.
        label: the column of the labels, or None where none are read.
    """

    text: str
    label: str | None

    @classmethod
    def of(
        cls,
        table: Table,
        text_column: str | None = None,
        label_column: str | None = None,
        *,
        labels: bool = True,
    ) -> Columns:
        """The columns that were named, else those that can be told by their names.

        Args:
            text_column, label_column: named by the user, or None.
            labels: whether labels are needed.

        Raises:
            DataError: a named column is not there, or none or several could be meant; the message
                lists those there.
        """
        text = _column(table, text_column, TEXT_COLUMNS, "text")
        label = _column(table, label_column, LABEL_COLUMNS, "label") if labels else None
        if text == label:
            raise DataError(
                f"text and label must be two columns, but both are {text!r} in {table.name}"
            )
        return cls(text, label)

    def __str__(self) -> str:
        """Which they are, for the user to see."""
        labels = "" if self.label is None else f", labels from column {self.label!r}"
        return f"text from column {self.text!r}{labels}"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled text, in the order of the file.

    Attributes:
        name: of the file.
        columns: where text and labels were found.
        texts: N texts; one may be empty.
        labels: N names.
        skipped: bad places that were left out because the reading skips them.
    """

    name: str
    columns: Columns
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    skipped: int = 0

    def __len__(self) -> int:
        """N, the number of rows."""
        return len(self.texts)


def read_labelled(
    path: str | Path,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    reading: Reading | None = None,
) -> Labelled:
    """All labelled text of a table.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed.
        text_column, label_column: as in `Columns.of`.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column or a label is missing, a label is no name, or there are no rows.
        CorruptText: a bad place, or a text that is none.
    """
    table = Table.open(path)
    columns = Columns.of(table, text_column, label_column)
    reading = reading or Reading()
    texts, labels = [], []
    for row, text in texts_of(table, columns, reading):
        texts.append(text)
        labels.append(label_of(table, row, columns.label or ""))
    if not texts:
        raise DataError(f"labelled data must have rows, but {table.name} has only its header")
    _check_spelling(table.name, labels)
    return Labelled(table.name, columns, tuple(texts), tuple(labels), reading.bad)


def texts_of(table: Table, columns: Columns, reading: Reading) -> Iterator[tuple[Row, str]]:
    """Each row of a table with its text. A row without one is a bad place.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    column = columns.text
    for row in table.rows(reading):
        try:
            if column not in row.values:
                raise ValueError(f"no column {column!r}; {_there(row.values)}")
            text = row.values[column]
            if not isinstance(text, str):
                raise ValueError(f"column {column!r} holds {kind_in_words(text)}, not text")
            yield row, whole_text(text, column)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))


def label_of(table: Table, row: Row, column: str) -> str:
    """The label of a row, as a name.

    Raises:
        DataError: it is missing, empty, NaN, or no single value.
    """
    if column not in row.values:
        raise DataError(
            f"{table.at(row)}: every row must have a label, but this one has no column "
            f"{column!r}; {_there(row.values)}. Choose with --label-column"
        )
    try:
        return label_name(row.values[column])
    except ValueError as error:
        raise DataError(
            f"{table.at(row)}: every label must be a name or a number, but in column {column!r} "
            f"{error}"
        ) from None


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
    if value is None or (isinstance(value, str) and not value.strip()):
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


def _column(table: Table, named: str | None, known: tuple[str, ...], role: str) -> str:
    """The column that plays a role."""
    option = f"--{role}-column"
    if named is not None:
        if named not in table.columns:
            raise DataError(
                f"{table.name} has no column {named!r} for the {role}; {_there(table.columns)}. "
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
    why = f"could be meant: {', '.join(map(repr, sure))}" if sure else f"is named {known[0]!r}"
    raise DataError(
        f"one column of {table.name} must hold the {role}, but "
        f"{'several' if sure else 'none'} {why}; {_there(table.columns)}. Choose with {option}"
    )


def _there(columns: Any) -> str:
    return f"its columns are: {', '.join(map(repr, columns))}"


def _check_spelling(name: str, labels: list[str]) -> None:
    """Two labels that differ only in the space around them are one, misspelt."""
    seen: dict[str, str] = {}
    for label in sorted(set(labels)):
        if (other := seen.setdefault(label.strip(), label)) != label:
            raise DataError(
                f"labels must differ in more than the space around them, but {name} has {other!r} "
                f"and {label!r}; write them alike"
            )
