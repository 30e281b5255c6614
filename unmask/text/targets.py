"""Targets of a row that are no single label: numbers, and any number of labels."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from unmask.errors import DataError
from unmask.text.jsonl import kind_in_words
from unmask.text.labelled import label_name, target_value
from unmask.text.rows import Row, Table

Numbers = tuple[float, ...]
LabelSet = tuple[str, ...]


def numbers_of(table: Table, row: Row, column: str) -> Numbers:
    """The numbers of a row: one, or those of a list, which CSV and TSV write as JSON has it.

    Raises:
        DataError: it holds none, or one that is not finite.
    """
    value = target_value(table, row, column)
    try:
        found = tuple(number_of(one) for one in _listed(value))
    except ValueError as error:
        raise DataError(
            f"{table.at(row)}: column {column!r} must hold a finite number, or a list of them, but "
            f"{error}; correct the row or remove it"
        ) from None
    if not found:
        raise DataError(
            f"{table.at(row)}: column {column!r} must hold a number, but its list is empty; "
            "correct the row or remove it"
        )
    return found


def label_set_of(separator: str | None) -> Callable[[Table, Row, str], LabelSet]:
    """What reads the labels of a row: a list, which CSV and TSV write as JSON has it, or names
    between which a separator stands. There may be none.

    Args:
        separator: between the names of a text; None for a JSON list.
    """

    def read(table: Table, row: Row, column: str) -> LabelSet:
        value = target_value(table, row, column)
        try:
            names = value if isinstance(value, list | tuple) else _names(value, separator)
            found = [label_name(name) for name in names]
        except ValueError as error:
            raise DataError(
                f"{table.at(row)}: column {column!r} must hold a list of labels, but {error}"
            ) from None
        if len(set(found)) < len(found):
            raise DataError(
                f"{table.at(row)}: a label may stand once in a row, but column {column!r} has "
                f"{found}; remove what is there twice"
            )
        return tuple(found)

    return read


def _names(value: Any, separator: str | None) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, str):
        raise ValueError(f"it is {kind_in_words(value)}; write a list")
    if separator is not None:
        return [name.strip() for name in value.split(separator)] if value.strip() else []
    try:
        found = json.loads(value) if value.strip() else []
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ValueError(
            f'it is the text {value!r}; write a JSON list such as ["a", "b"], or say what stands '
            "between the labels with --label-separator"
        )
    return found


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            raise ValueError(f"it is the text {value!r}") from None
        return list(found)
    return list(value) if isinstance(value, list | tuple) else [value]


def number_of(value: Any) -> float:
    """A finite number; text is read as one.

    Raises:
        ValueError: it is none; says what it is.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"it is {kind_in_words(value)}")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"it is the text {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"it is {value!r}")
    return number
