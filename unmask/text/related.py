"""Texts that belong together: queries with their documents, others that do not fit, or a grade.

A document may be a list of several, of which each makes a pair; negatives may be a column for each
or a list. CSV and TSV write lists as JSON has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unmask.errors import DataError
from unmask.text.answers import filled_text
from unmask.text.bad import Reading
from unmask.text.empty import is_empty
from unmask.text.related_columns import RelatedColumns, What
from unmask.text.rows import Row, Table, Values
from unmask.text.targets import numbers_of


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A query with what belongs to it.

    Attributes:
        query: a text.
        document: that belongs to it, or of a graded pair the second text.
        negatives: documents that do not.
        grade: of the pair; 0 where there is none.
        teacher: what a teacher gives the document and each negative; empty without one.
        line: of the file.
    """

    query: str
    document: str
    negatives: tuple[str, ...] = ()
    grade: float = 0.0
    teacher: tuple[float, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Related:
    """Rows in the order of the file.

    Attributes:
        name: of the file.
        columns: where they were found.
        rows: N.
        skipped: bad places that were left out because the reading skips them.
        left_out: what is said of them; see `Reading.left_out`.
    """

    name: str
    columns: RelatedColumns
    rows: tuple[RelatedRow, ...]
    skipped: int = 0
    left_out: str = ""

    def __len__(self) -> int:
        """N."""
        return len(self.rows)

    def some(self, places: Sequence[int]) -> Related:
        """The rows at these places."""
        return replace(self, rows=tuple(self.rows[place] for place in places))


def read_related(
    path: str | Path | Table,
    query_column: str | None = None,
    document_column: str | None = None,
    numbers_column: str | None = None,
    *,
    what: What | None = None,
    reading: Reading | None = None,
) -> Related:
    """All rows of a table.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed; or the table.
        query_column, document_column, numbers_column, what: as in `RelatedColumns.of`.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, a grade is none, or there are no rows.
        CorruptText: a bad place, such as a query without a document or an empty text.
    """
    table = Table.open(path)
    columns = RelatedColumns.of(table, query_column, document_column, numbers_column, what)
    return rows_related(table, columns, reading or Reading())


def rows_related(table: Table, columns: RelatedColumns, reading: Reading) -> Related:
    """All rows of a table, of known columns; see `read_related`."""
    rows = tuple(one for _, several in each_related(table, columns, reading) for one in several)
    if not rows:
        raise DataError(
            f"there must be rows to learn from or to measure, but {table.name} has none"
        )
    return Related(table.name, columns, rows, reading.bad, reading.left_out)


def each_related(
    table: Table, columns: RelatedColumns, reading: Reading
) -> Iterator[tuple[Row, tuple[RelatedRow, ...]]]:
    """Each row of a table with its pairs: one, or of a list of documents one for each.

    Raises:
        DataError: a grade is none.
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row in table.rows(reading):
        try:
            found = tuple(_pairs(table, row, columns))
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
        else:
            yield row, found


def _pairs(table: Table, row: Row, columns: RelatedColumns) -> Iterator[RelatedRow]:
    query = filled_text(_value(row.values, columns.query), f"query in column {columns.query!r}")
    documents = _texts(_value(row.values, columns.document), columns.document)
    if not documents:
        raise ValueError(f"the query has no document: column {columns.document!r} is empty")
    negatives = tuple(
        text for column in columns.negatives for text in _texts(row.values.get(column), column)
    )
    numbers = () if columns.numbers is None else numbers_of(table, row, columns.numbers)
    where = f"{table.at(row)}: column {columns.numbers!r}"
    if columns.what == "graded" and len(numbers) != 1:
        raise DataError(
            f"{where} must hold the pair's one grade, but holds {len(numbers)} numbers; write a "
            "row for each"
        )
    if columns.what == "taught" and (len(documents) > 1 or len(numbers) != 1 + len(negatives)):
        raise DataError(
            f"{where} must hold a score for the one document and each negative, in their order, "
            f"but there are {len(numbers)} scores for {len(documents)} and {len(negatives)}; "
            "correct the row or remove it"
        )
    grade = numbers[0] if columns.what == "graded" else 0.0
    teacher = numbers if columns.what == "taught" else ()
    for document in documents:
        yield RelatedRow(query, document, negatives, grade, teacher, row.line)


def _value(values: Values, column: str) -> Any:
    if column not in values:
        raise ValueError(f"no column {column!r}; its columns are: {', '.join(map(repr, values))}")
    return values[column]


def _texts(value: Any, column: str) -> tuple[str, ...]:
    """The texts of a cell: none, one, or those of a list.

    Raises:
        ValueError: one of a list is empty, or none of them a text.
    """
    if value is None or (isinstance(value, str) and is_empty(value)):
        return ()
    listed = _listed(value)
    return tuple(filled_text(one, f"text in column {column!r}") for one in listed)


def _listed(value: Any) -> list[Any]:
    """A list as it is, or as JSON has it; a text may begin with a bracket, such as "[1] So it is".

    A JSON list without any text in it, such as "[1, 2]", is a text too.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return [value]
        if not found or any(isinstance(one, str) for one in found):
            return list(found)
    return [value]
