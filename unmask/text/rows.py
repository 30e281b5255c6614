"""Rows of tables with all their columns: CSV, TSV, JSON Lines and Parquet, read as a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.formats import Damaged, shown, text_lines
from unmask.text.jsonl import jsonl_records
from unmask.text.parquet import parquet_columns, parquet_rows
from unmask.text.readers import kind_of
from unmask.text.tables import csv_records

Values = dict[str, Any]
Read = Callable[[Path, str, Reading], Iterator[tuple[int, Values]]]
"""A file, and how messages name it, to its rows: each one's line, and its values by column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: its first line, from 1; where a file has no lines that count, such as Parquet, its
            number.
        values: by column name. CSV and TSV give text alone, the others what they hold.
    """

    line: int
    values: Values


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows.

    The fields of a .csv are parted by commas, or by semicolons where its first line has no comma.

    Attributes:
        path: where it is.
        name: how messages name it.
        columns: the names of its columns; in JSON Lines the keys of the first record.
        read: how its rows are read.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    read: Read = field(repr=False, compare=False)

    @classmethod
    def open(cls, path: str | Path | Table, also: Mapping[str, Read] | None = None) -> Table:
        """Look at a file's columns; a table is looked at already.

        Args:
            path: the file.
            also: further kinds of files that are read here, by their suffix.

        Raises:
            DataError: it is of a kind that is not served, not there, empty, or names a column
                twice.
            CorruptText: its beginning cannot be read.
        """
        if isinstance(path, Table):
            return path
        path = Path(path)
        name = shown(path)
        readers = {**_READERS, **(also or {})}
        kind = kind_of(path, readers)
        if not path.is_file():
            raise DataError(f"a table must be a file, and {name} is none; check the path")
        if kind is None:
            raise DataError(
                f"a table must be one of {', '.join(readers)} (all but .parquet also with .gz or "
                f".zst), and {name} is none of them; rename or convert it"
            )
        columns = _columns(path, name, kind, readers[kind])
        if not columns:
            raise DataError(f"a table must have rows, but {name} is empty")
        if twice := [column for column, count in Counter(columns).items() if count > 1]:
            raise DataError(
                f"each column must have its own name, but {name} has several called "
                f"{', '.join(map(repr, twice))}; rename them"
            )
        return cls(path, name, columns, readers[kind])

    def rows(self, reading: Reading) -> Generator[Row, None, None]:
        """All rows, in order. One is held in memory at a time.

        Raises:
            CorruptText: at a bad place, unless `reading` skips them.
            TextError: under skip, too many of them.
        """
        size = self.path.stat().st_size
        try:
            for line, values in self.read(self.path, self.name, reading):
                yield Row(line, values)
        except Damaged as damage:
            lost = size if damage.lost_bytes is None else damage.lost_bytes
            reading.report_bad(self.name, damage.line, damage.reason, lost)
        reading.finished(size)
        reading.check(size)

    def first(self) -> Row | None:
        """The first row that can be read, to tell what the columns hold."""
        return next(iter(self.look(1)), None)

    def look(self, count: int) -> list[Row]:
        """So many of the first rows that can be read."""
        with closing(self.rows(Reading("skip", max_bad=1.0))) as rows:
            return list(islice(rows, count))

    def at(self, row: Row) -> str:
        """The place of a row, for messages: `file:line`."""
        return f"{self.name}:{row.line}"


def _columns(path: Path, name: str, kind: str, read: Read) -> tuple[str, ...]:
    # Only a look: bad records before the first good one are reported when the rows are read.
    look = Reading("skip", max_bad=1.0)
    try:
        match kind:
            case ".csv" | ".tsv":
                records = csv_records(path, name, look, _SEPARATORS[kind])
                found: list[str] = next(records, (0, []))[1]
            case ".parquet":
                found = parquet_columns(path)
            case _:
                found = next((list(values) for _, values in read(path, name, look)), [])
    except Damaged as damage:
        Reading().report_bad(name, damage.line, damage.reason)
    if not found and look.bad:
        Reading().report_bad(name, None, f"no record can be read ({look.examples[0]})")
    return tuple(found)


def _delimited(separator: str) -> Read:
    def rows(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, Values]]:
        records = csv_records(path, name, reading, separator)
        _, header = next(records, (1, []))
        for line, fields in records:
            if len(fields) == len(header):
                yield line, dict(zip(header, fields, strict=True))
            else:
                wrong = f"{len(fields)} fields where the header has {len(header)}"
                reading.report_bad(name, line, wrong)

    return rows


def _json_lines(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, Values]]:
    return jsonl_records(path, name, reading, dict)


def _lines(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, Values]]:
    return ((line, {"text": text}) for line, text in text_lines(path, name, reading))


_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_READERS: dict[str, Read] = {
    **{suffix: _delimited(separator) for suffix, separator in _SEPARATORS.items()},
    ".jsonl": _json_lines,
    ".json-lines": _json_lines,
    ".parquet": parquet_rows,
}
TABLES = tuple(_READERS)
"""Suffixes of tables that are read, and all but .parquet also with .gz or .zst after them."""


def text_table(path: str | Path, also: Mapping[str, Read] | None = None) -> Table:
    """A table of texts; plain text (.txt) is one too, with a row for each line, empty ones as well.

    Args:
        path: the file.
        also: as in `Table.open`.

    Raises:
        DataError, CorruptText: it cannot be read; see `Table.open`.
    """
    return Table.open(path, {".txt": _lines, **(also or {})})
