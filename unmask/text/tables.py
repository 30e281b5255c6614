"""Records of CSV and TSV files.

They are parsed here and not by the standard library's `csv`, for three reasons: that one limits a
field's size through a setting of the whole process, it needs four bytes a character for a long
field, and it does not say on which line an unclosed quote began.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unmask.text.bad import Reading
from unmask.text.formats import Damaged, byte_lines

MAX_RECORD = 1 << 28
"""A quoted CSV field that is longer than this many characters counts as one that never ends."""
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"')
_BELONGS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def csv_texts(path: Path, name: str, field: str, reading: Reading) -> Iterator[tuple[int, str]]:
    """One column of a CSV file (comma or semicolon, double quotes, a header), as (line, text).

    Raises:
        Damaged: the column is not there, or compressed data is broken.
    """
    records = csv_records(path, name, reading)
    line, header = next(records, (1, []))
    if header.count(field) != 1:
        how = "no column" if field not in header else "more than one column"
        raise Damaged(line, f"{how} {field!r}; {choices(header)}")
    column = header.index(field)
    for line, record in records:
        if len(record) == len(header):
            yield line, record[column]
        else:
            wrong = f"{_count(len(record))} where the header has {_count(len(header))}"
            reading.report_bad(name, line, wrong)


def _count(fields: int) -> str:
    return f"{fields} field" + "s" * (fields != 1)


def choices(columns: list[str]) -> str:
    """What columns there are, for a message."""
    if not columns:
        return "the file is empty"
    return f"the columns are: {', '.join(map(repr, columns))} (choose with --field)"


def csv_records(
    path: Path, name: str, reading: Reading, separator: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of every good record, header first; a blank line is none.

    Args:
        path: the file.
        name: how messages name it.
        reading: takes the counts and the bad places.
        separator: a tab, or "," for a file that may also have semicolons, as spreadsheets write it
            where the comma is for decimals: its first record has them and, but for quotes, no
            comma.

    Raises:
        Damaged: compressed data is broken.
    """
    lines, first = byte_lines(path, reading), True
    for number, raw in lines:
        record = _decode(raw)
        if not record.strip(" \r\n" if separator == "\t" else None):
            continue
        reading.saw()
        if first and separator == ",":
            bare = _QUOTED.sub("", record)
            separator = ";" if ";" in bare and "," not in bare else ","
        first = False
        try:
            fields, open_at = _fields(_without_end(record), separator)
            if open_at is not None:
                fields = _long_record(record, open_at, lines, separator)
            if bad := next(filter(None, map(_ESCAPED_BYTE.search, fields)), None):
                raise ValueError(f"byte 0x{ord(bad[0]) - 0xDC00:02x} is not UTF-8")
        except _Unclosed as unclosed:
            lost = min(unclosed.size, path.stat().st_size)
            reading.report_bad(name, number, "a quote is opened that is not closed", lost)
        except ValueError as error:
            reading.report_bad(name, number, str(error))
        else:
            yield number, fields


class _Unclosed(Exception):
    """A quoted field does not end; `size` is how many characters that took along."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _decode(raw: bytes) -> str:
    # A bad byte must not end a record in the middle, so it is carried along and reported later.
    return raw.decode("utf-8", "surrogateescape")


def _without_end(record: str) -> str:
    return record.removesuffix("\n").removesuffix("\r")


def _long_record(
    record: str, open_at: int, lines: Iterator[tuple[int, bytes]], separator: str
) -> list[str]:
    """Fields of a record that goes on over several lines, because a quoted field does.

    Raises:
        ValueError: the quoting is broken.
        _Unclosed: the quote is not closed before the file or the limit ends.
    """
    parts, size = [record], len(record)
    quotes = record.count('"', open_at)
    for _, raw in lines:
        parts.append(_decode(raw))
        size += len(parts[-1])
        quotes += parts[-1].count('"')
        if size > MAX_RECORD:
            break
        if parts[-1].count('"') and quotes % 2 == 0:  # an odd count cannot have closed it
            record = "".join(parts)
            fields, still_open = _fields(_without_end(record), separator)
            if still_open is None:
                return fields
            parts, quotes = [record], record.count('"', still_open)
    raise _Unclosed(size)


def _fields(record: str, separator: str) -> tuple[list[str], int | None]:
    """(fields, None), or where the quoted field begins that does not end in this record."""
    if '"' not in record:
        return record.split(separator), None
    fields: list[str] = []
    at = 0
    while True:
        if record.startswith('"', at):
            quoted = _QUOTED.match(record, at)
            if quoted is None:
                return fields, at
            fields.append(quoted[1].replace('""', '"'))
            at = quoted.end()
        else:
            end = record.find(separator, at)
            end = len(record) if end < 0 else end
            fields.append(record[at:end])
            at = end
        if at == len(record):
            return fields, None
        if record[at] != separator:
            belongs = _BELONGS[separator]
            raise ValueError(f"{record[at]!r} after a closing quote, where {belongs} belongs")
        at += 1
