"""Records of JSON Lines files: one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from unmask.text.bad import Reading
from unmask.text.formats import byte_lines, not_utf8

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
    for line, raw in byte_lines(path, reading):
        if not raw.strip():
            continue
        reading.saw()
        try:
            text = _text_of(raw, field)
        except UnicodeDecodeError as error:
            reading.report_bad(name, line, not_utf8(raw, error, first=line == 1))
        except ValueError as error:
            reading.report_bad(name, line, str(error))
        else:
            yield line, text


def _text_of(raw: bytes, field: str) -> str:
    """The text of one record.

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
        raise ValueError(f"a record is a JSON object, and this is {_kind(record)}")
    if field not in record:
        there = ", ".join(map(repr, record)) or "none"
        raise ValueError(f"no field {field!r}; the fields are: {there} (choose with --field)")
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"field {field!r} holds {_kind(text)}, not a string")
    if lone := _LONE_SURROGATE.search(text):
        raise ValueError(
            f"field {field!r} has half of a surrogate pair (\\u{ord(lone[0]):04x}), no character"
        )
    return text


def _kind(value: object) -> str:
    return _KINDS.get(type(value).__name__, type(value).__name__)
