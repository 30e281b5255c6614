"""Rows to a file: JSON Lines, CSV or TSV, or CoNLL for tagged words; whole or not at all."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from unmask.checkpoint.durable import empty_file, explained, make_folders, staged, sync
from unmask.errors import ConfigError, DataError
from unmask.text.conll import DOCUMENT

Write = Callable[[Mapping[str, Any]], None]
Line = Callable[[Mapping[str, Any]], bytes]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
KINDS = (".jsonl", *_DELIMITERS)
"""Suffixes of files that are written."""
TAGGED = ".conll"
"""Suffix of files of words and their tags alone."""


@dataclass(frozen=True, slots=True)
class WordColumns:
    """The columns of rows whose words have tags.

    Attributes:
        words, tags: of the words and of their tags.
        others: columns that a file of words and tags does without.
    """

    words: str
    tags: str
    others: tuple[str, ...]


@contextmanager
def row_file(
    path: Path,
    columns: Sequence[str],
    *,
    replace: bool,
    tagged: WordColumns | None = None,
) -> Iterator[Write]:
    """Write rows within the block; the file is put in place when the block ends without an error.

    In JSON Lines a number that JSON lacks (NaN, infinity) becomes null, and a date its ISO form.
    In CSV and TSV lists and tables stand as JSON, true and false in small letters, null as nothing.
    In CoNLL files each word has a line with its tag behind a tab, and each row an empty line at its
    end.

    Args:
        path: the file; its suffix says the format.
        columns: of the header, where the format has one.
        replace: whether a file that is there may be replaced.
        tagged: where rows have words and tags; None where they have none.

    Yields:
        A function that takes a row.

    Raises:
        ConfigError: the format is not served, or the file is there and not to be replaced.
        DataError: a value cannot be written.
        CheckpointError: the disk is full or refuses.
    """
    suffix, kinds = path.suffix.lower(), KINDS if tagged is None else (*KINDS, TAGGED)
    if suffix == TAGGED and tagged is None:
        raise ConfigError(
            f"{TAGGED} holds words and their tags, which a tagger gives of lists of words or of a "
            f"CoNLL file, and {path} is to hold others; write {', '.join(KINDS)}"
        )
    if suffix not in kinds:
        raise ConfigError(f"the output must be one of {', '.join(kinds)}, and {path} is none")
    if path.exists() and not replace:
        raise ConfigError(f"{path} exists already; choose another name, or pass --replace")
    path = Path(os.path.abspath(path))
    delimiter = _DELIMITERS.get(suffix)
    with explained(path, None):
        make_folders(path.parent)
        with staged(path, empty_file) as temporary:
            with temporary.open("wb") as file:
                line: Line = _json_line
                if suffix == TAGGED and tagged is not None:
                    line = _tagged_lines(tagged)
                if delimiter is not None:
                    line = _delimited_line(columns, delimiter)
                    file.write(line({column: column for column in columns}))
                yield lambda row: _write(file, line, row)
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)


def _write(file: io.BufferedIOBase, line: Line, row: Any) -> None:
    file.write(line(row))


def _json_line(row: Mapping[str, Any]) -> bytes:
    plain = {column: _plain(column, value) for column, value in row.items()}
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can only spell it out
        return json.dumps(plain, allow_nan=False).encode() + b"\n"


def _delimited_line(columns: Sequence[str], delimiter: str) -> Line:
    def line(row: Mapping[str, Any]) -> bytes:
        if extra := [column for column in row if column not in columns]:
            raise DataError(
                f"a row has the column {extra[0]!r}, which the first row lacks, and a table has "
                "one header; write .jsonl instead"
            )
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
        writer.writerow([_cell(column, row.get(column)) for column in columns])
        try:
            return buffer.getvalue().encode()
        except UnicodeEncodeError:
            raise DataError(
                "a value holds half of a surrogate pair, which is no text; write .jsonl instead"
            ) from None

    return line


def _tagged_lines(columns: WordColumns) -> Line:
    known = {columns.words, columns.tags, *columns.others}

    def lines(row: Mapping[str, Any]) -> bytes:
        if extra := [column for column in row if column not in known]:
            raise DataError(
                f"{TAGGED} holds words and their tags alone, but the row has the column "
                f"{extra[0]!r} too, which would be lost; write .jsonl instead"
            )
        words = row[columns.words]
        if not isinstance(words, list) or not words:
            raise DataError(
                f"a row of {TAGGED} must be a list of words, not {words!r}; write .jsonl instead"
            )
        pairs = zip(words, row[columns.tags], strict=True)
        return "".join(f"{_word(word)}\t{tag}\n" for word, tag in pairs).encode() + b"\n"

    return lines


def _word(word: str) -> str:
    """A word as a line of a CoNLL file can hold it.

    Raises:
        DataError: it would be read as something else.
    """
    begins = word.startswith((DOCUMENT, "\ufeff"))
    if not word.strip(" ") or any(end in word for end in "\t\n\r") or begins:
        raise DataError(
            "a word in a CoNLL file must have characters, no tab and no line end, and not begin "
            f"with {DOCUMENT} or a byte order mark, but is {word!r}; write .jsonl instead"
        )
    return word


def _cell(column: str, value: Any) -> str:
    plain = _plain(column, value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(column: str, value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(column, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(column, inner) for inner in value]
    raise DataError(
        f"column {column!r} holds a value of type {type(value).__name__}, which cannot be written "
        "as text; leave the column out of the input"
    )
