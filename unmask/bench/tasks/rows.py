"""Rows of tables for the tasks: read, split by label, written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.batches.draws import Draws
from unmask.bench.tasks.task import file_of
from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64

Row = tuple[str, ...]
"""The texts of a row, and its label at the end."""
SPLIT = 401  # stream of Draws
QUICK_ROWS = 48


def write_rows(path: Path, rows: Sequence[Row], header: Sequence[str] | None = None) -> None:
    """A table with the columns `text` (or `sentence1` and `sentence2`) and `label`, or others."""
    if header is None:
        header = ("text", "label") if len(rows[0]) == 2 else ("sentence1", "sentence2", "label")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows((header, *rows))


def read_rows(path: Path, separator: str = ",") -> list[Row]:
    """The rows of a table with a header; tabs separate plain lines without quotes."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    with path.open(newline="", encoding="utf-8") as file:
        read = list(csv.reader(file, delimiter=separator, quoting=quoting))
    width = len(read[0])
    if wrong := next((place for place, row in enumerate(read, 1) if len(row) != width), None):
        raise DataError(f"row {wrong} of {path} must have {width} fields, as the first has")
    return [tuple(row) for row in read[1:]]


def parted(rows: Sequence[Row], shares: Sequence[float], seed: int = 0) -> list[list[Row]]:
    """Rows in parts that each have the same share of every label, drawn by a seed.

    Args:
        rows: all of them.
        shares: of all parts but the last, which gets the rest.
        seed: of the draw.
    """
    parts: list[list[int]] = [[] for _ in range(len(shares) + 1)]
    for number, places in enumerate(by_label(rows)):
        order = Draws(seed, number).permutation(len(places), SPLIT)
        ends = np.round(np.cumsum(shares) * len(places)).astype(int)
        for part, some in zip(parts, np.split(order, ends), strict=True):
            part += [places[place] for place in some]
    return [[rows[place] for place in sorted(part)] for part in parts]


def drawn(rows: Sequence[Row], each: int, more: int, seed: int) -> tuple[list[Row], list[Row]]:
    """So many rows of every label, and so many more, drawn by a seed."""
    first, second = [], []
    for number, places in enumerate(by_label(rows)):
        order = Draws(seed, number).permutation(len(places), SPLIT)[: each + more]
        first += [rows[places[place]] for place in order[:each]]
        second += [rows[places[place]] for place in order[each:]]
    return first, second


def by_label(rows: Sequence[Row]) -> list[list[int]]:
    """The places of the rows of each label, in the order of the labels' names."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row[-1], []).append(place)
    return [places[label] for label in sorted(places)]


def fewer(rows: Sequence[Row], quick: bool, labels: int = 4) -> list[Row]:
    """Some rows of the first labels for a quick try, or all."""
    if not quick:
        return list(rows)
    each = QUICK_ROWS // labels
    return [rows[place] for places in by_label(rows)[:labels] for place in places[:each]]


def right(folder: Path, said: Sequence[str]) -> F64:
    """`(N, 2)`: whether each test row's label was said, and 1."""
    truth = [row[-1] for row in read_rows(file_of(folder, "test", 0))]
    check_count(said, truth)
    hits = np.array([one == wanted for one, wanted in zip(said, truth, strict=True)], np.float64)
    return np.stack((hits, np.ones_like(hits)), axis=1)


def check_count(said: Sequence[object], rows: Sequence[object]) -> None:
    """Check that something was said of every test row.

    Raises:
        DataError: it was not.
    """
    if len(said) != len(rows):
        raise DataError(
            f"each of {len(rows):,} test rows needs a prediction, but there are {len(said):,}; "
            "remove the stored run"
        )
