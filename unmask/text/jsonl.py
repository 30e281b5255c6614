"""Records of JSON Lines files: one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from unmask.text.bad import Reading
from unmask.text.formats import byte_lines, not_utf8

T = TypeVar("T")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS = {
    "dict": "an object",
    "list": "an array",
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "NoneType": "null",
}


def jsonl_texts(path: Path, name: str, field: str, reading: Reading) -> Iterator[tuple[int, str]]:
    """One field of a JSON Lines file, as (line, text); blank lines are no records.

    Args:
        path: the file.
        name: how messages name it.
        field: the key whose value is the text.
        reading: takes the counts and the bad places.
    """
    return jsonl_records(path, name, reading, partial(_text_of, field=field))


def jsonl_records(
    path: Path, name: str, reading: Reading, take: Callable[[dict[str, Any]], T]
) -> Iterator[tuple[int, T]]:
    """What `take` makes of each object of a JSON Lines file, with its line.

    Args:
        path: the file.
        name: how messages name it.
        reading: takes the counts and the bad places.
        take: may raise ValueError with a reason, which makes the record a bad place.
    """
    for line, raw in byte_lines(path, reading):
        if not raw.strip():
            continue
        reading.saw()
        try:
            taken = take(_record_of(raw))
        except UnicodeDecodeError as error:
            reading.report_bad(name, line, not_utf8(raw, error, first=line == 1))
        except ValueError as error:
            reading.report_bad(name, line, str(error))
        else:
            yield line, taken


def _record_of(raw: bytes) -> dict[str, Any]:
    """The object on one line.

    Raises:
        ValueError: with the reason, where there is none.
    """
    try:
        record = json.loads(raw.rstrip(b"\r\n").decode())
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise ValueError(f"not JSON: {what} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not readable: the JSON is nested too deep") from None
    if not isinstance(record, dict):
        raise ValueError(f"a record is a JSON object, and this is {kind_in_words(record)}")
    return record


def _text_of(record: dict[str, Any], field: str) -> str:
    """The text of one record.

    Raises:
        ValueError: with the reason, where there is none.
    """
    if field not in record:
        there = ", ".join(map(repr, record)) or "none"
        raise ValueError(f"no field {field!r}; the fields are: {there} (choose with --field)")
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"field {field!r} holds {kind_in_words(text)}, not a string")
    return whole_text(text, field)


def whole_text(text: str, field: str) -> str:
    """The text itself, if each of its characters is one.

    Raises:
        ValueError: with the reason, where it holds half of a surrogate pair.
    """
    if lone := _LONE_SURROGATE.search(text):
        raise ValueError(
            f"field {field!r} has half of a surrogate pair (\\u{ord(lone[0]):04x}), no character"
        )
    return text


def kind_in_words(value: object) -> str:
    """What a JSON value is, such as "a number"."""
    return _KINDS.get(type(value).__name__, type(value).__name__)
