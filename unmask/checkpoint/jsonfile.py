"""JSON that is read strictly and written in one piece.

The reader refuses what the standard module lets through: the same key twice (the last would win),
NaN and infinities (not JSON), numbers too large for a float (they become infinite), and nesting
deep enough to exhaust the stack.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from unmask.checkpoint.durable import write_file
from unmask.errors import CheckpointError, CorruptCheckpoint

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

DEPTH = 200
"""Deepest nesting of lists and objects that is read or written."""

LIMIT = 1 << 28
"""Largest JSON file that is read, in bytes (256 MiB): the largest tokenizers have some 30 MiB."""


def read_json(path: Path) -> Any:
    """The value in a UTF-8 JSON file.

    Raises CheckpointError if the file is missing or may not be read, and CorruptCheckpoint if it
    is larger than `LIMIT` or not strict JSON; both name the file.
    """
    return parse_json(read_bytes(path), str(path))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, in one piece; keys keep their order.

    Raises CheckpointError, with the place inside the value, where JSON cannot hold it exactly.
    """
    write_file(path, render_json(value))


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most `LIMIT` bytes.

    Raises CheckpointError if it is missing or may not be read, CorruptCheckpoint for the rest.
    """
    try:
        # Looked at before it is opened: opening a named pipe would wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CorruptCheckpoint(f"{path} is not a regular file. Remove it or name another.")
        with path.open("rb") as stream:
            data = stream.read(LIMIT + 1)
    except OSError as error:
        absent = isinstance(error, (FileNotFoundError, NotADirectoryError, PermissionError))
        raise (CheckpointError if absent else CorruptCheckpoint)(
            f"{path} cannot be read: {error.strerror}. Check the path, permissions and disk."
        ) from error
    if len(data) > LIMIT:
        raise CorruptCheckpoint(f"{path} has more than {LIMIT:,} bytes, the most read as JSON.")
    return data


def parse_json(data: bytes, source: str) -> Any:
    """The value in `data`; `source` names it in errors. Raises CorruptCheckpoint."""

    def fail(reason: str) -> NoReturn:
        raise CorruptCheckpoint(
            f"{source} is not strict JSON: {reason}. Restore the file from a good copy."
        )

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in result if keys.count(key) > 1)
            fail(f"the key {twice!r} stands twice in one object")
        return result

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            fail(f"the number {text[:40]} is too large")
        return value

    def constant(name: str) -> NoReturn:
        fail(f"{name} is no JSON number")

    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=pairs,
            parse_float=number,
            parse_constant=constant,
        )
    except RecursionError:
        fail(f"it nests deeper than {DEPTH} levels")
    except ValueError as error:  # bad UTF-8, bad JSON, integers of thousands of digits
        fail(str(error))
    if _deeper_than(value, DEPTH):
        fail(f"it nests deeper than {DEPTH} levels")
    return value


def render_json(value: Any) -> bytes:
    """`value` as indented UTF-8 JSON with a newline at the end, or CheckpointError."""
    _check(value, "$", 0)
    try:
        return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    except ValueError as error:  # a lone surrogate, an integer of thousands of digits
        raise CheckpointError(f"a value cannot be written as JSON: {error}.") from error


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            item
            for box in level
            if isinstance(box, (dict, list))
            for item in (box.values() if isinstance(box, dict) else box)
        ]
        if not level:
            return False
    return True


def _check(value: Any, place: str, depth: int) -> None:
    if depth > DEPTH:
        raise CheckpointError(f"{place[:200]} nests deeper than {DEPTH} levels.")
    if isinstance(value, dict):
        for key, item in value.items():
            # The standard module would turn 1 into "1", and reading would not turn it back.
            if not isinstance(key, str):
                raise CheckpointError(f"{place} has the key {key!r}; keys in JSON are strings.")
            _check(item, f"{place}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise CheckpointError(f"{place} is {value}, which JSON has no number for.")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise CheckpointError(f"{place} is of type {type(value).__name__}; JSON has no such value.")
