"""Records of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unmask.text.bad import Reading
from unmask.text.formats import Damaged, extra
from unmask.text.tables import choices

_ROWS = 256
"""Rows decoded at a time."""


def parquet_texts(path: Path, name: str, field: str, reading: Reading) -> Iterator[tuple[int, str]]:
    """One text column of a Parquet file, as (1-based row, text).

    Raises:
        TextError: pyarrow is not installed.
        Damaged: the file is broken, or the column is not there or not text.
    """
    for row, batch in _parquet_batches(path, reading, field):
        for number, value in enumerate(batch.column(0), row + 1):
            reading.saw()
            if (text := _cell(value, name, number, field, reading)) is not None:
                yield number, text


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        TextError: pyarrow is not installed.
        Damaged: the file is broken.
    """
    parquet, arrow = extra("pyarrow.parquet", "reading .parquet"), extra("pyarrow", "")
    try:
        return list(parquet.read_schema(str(path)).names)
    except (arrow.ArrowException, OSError) as error:
        raise Damaged(None, _unreadable(error)) from None


def parquet_rows(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """All columns of a Parquet file, as (1-based row, values by column name).

    Raises:
        TextError: pyarrow is not installed.
        Damaged: the file is broken.
    """
    for row, batch in _parquet_batches(path, reading, None):
        for place in range(batch.num_rows):
            reading.saw()
            try:
                values = {
                    column: batch.column(number)[place].as_py()
                    for number, column in enumerate(batch.schema.names)
                }
            except ValueError as error:  # text that is not UTF-8, a time out of range
                reading.report_bad(name, row + place + 1, str(error).partition("\n")[0])
            else:
                yield row + place + 1, values


def _parquet_batches(path: Path, reading: Reading, field: str | None) -> Iterator[tuple[int, Any]]:
    """(rows before, rows) of one text column of a Parquet file, or of all columns."""
    parquet, arrow = extra("pyarrow.parquet", "reading .parquet"), extra("pyarrow", "")
    size = path.stat().st_size
    row, rows = 0, 1
    try:
        with parquet.ParquetFile(str(path), pre_buffer=False, buffer_size=1 << 20) as file:
            if field is not None:
                _check_column(arrow, file.schema_arrow, field)
            rows = max(1, file.metadata.num_rows)
            columns = None if field is None else [field]
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                yield row, batch
                row += batch.num_rows
                reading.at(size * row // rows)
    except (arrow.ArrowException, OSError) as error:
        lost = size - size * row // rows
        raise Damaged(row + 1, _unreadable(error), lost) from None


def _unreadable(error: Exception) -> str:
    return f"it is not readable as Parquet ({str(error).strip().partition(chr(10))[0]})"


def _check_column(arrow: Any, schema: Any, field: str) -> None:
    names = list(schema.names)
    if names.count(field) != 1:
        raise Damaged(None, f"no column {field!r}; {choices(names)}")
    kind = schema.field(field).type
    if arrow.types.is_dictionary(kind):
        kind = kind.value_type
    if str(kind) not in ("string", "large_string", "string_view", "null"):
        raise Damaged(None, f"column {field!r} holds {kind}, not text; {choices(names)}")


def _cell(value: Any, name: str, row: int, field: str, reading: Reading) -> str | None:
    try:
        text: str | None = value.as_py()
    except UnicodeDecodeError:
        reading.report_bad(name, row, f"column {field!r} is not UTF-8")
        return None
    if text is None:
        reading.report_bad(name, row, f"column {field!r} holds null, not text")
    return text
