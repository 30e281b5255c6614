"""What a file of labelled rows shows before anything is trained on it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from unmask.report.facts_scope import ClassRows, Overlap, Repeats, ShownRow, Spread
from unmask.text.empty import is_empty
from unmask.verbs.material import Material

SHOWN = 12
_BETWEEN = re.compile(r"[\W_]+")


def normalised(asked: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of texts where letter case, punctuation and white space do not count."""
    return tuple(
        _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip() or text.strip()
        for text in asked
    )


def label_of(data: Material, row: int) -> str:
    """What a row says, in words."""
    if data.says == "numbers":
        target = data.targets[row]
        return ", ".join(f"{n:g}" for n in target) if isinstance(target, tuple) else str(target)
    if data.says == "answers":
        return " / ".join(sorted(map(str, _answers(data, row)))) or "no answer"
    if data.says == "nothing":
        return "" if data.targets[row] is None else str(data.targets[row])
    return ", ".join(data.labels[row]) or "none"


def _answers(data: Material, row: int) -> frozenset[object]:
    target = data.targets[row]
    return target if isinstance(target, frozenset) else frozenset()


def text_of(asked: tuple[str, ...]) -> str:
    """A row's text, or its two one above the other."""
    return "\n".join(asked)


def shown_row(data: Material, row: int) -> ShownRow:
    """A row for people."""
    return ShownRow(data.lines[row], text_of(data.asked[row]), label_of(data, row))


def repeats(data: Material) -> Repeats:
    """Rows that ask the same within a file."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, asked in enumerate(data.asked):
        rows.setdefault(asked, []).append(row)
    alike = len({normalised(asked) for asked in data.asked})
    # Answers to one question may well be worded in several ways, which is no contradiction.
    torn = (
        [places for places in rows.values() if len({data.targets[row] for row in places}) > 1]
        if data.says != "answers"
        else []
    )
    shown = [row for places in torn for row in places][:SHOWN]
    return Repeats(
        exact=len(data) - len(rows),
        alike=len(data) - alike,
        conflicts=len(torn),
        conflict_rows=sum(map(len, torn)),
        shown=tuple(shown_row(data, row) for row in shown),
    )


def overlap(data: Material, dev: Material) -> Overlap:
    """Dev rows that ask what training rows ask."""
    exact, alike = set(data.asked), {normalised(asked) for asked in data.asked}
    same = [row for row, asked in enumerate(dev.asked) if asked in exact]
    near = [row for row, asked in enumerate(dev.asked) if normalised(asked) in alike]
    return Overlap(
        exact=len(same),
        alike=len(near),
        rows=len(dev),
        shown=tuple(shown_row(dev, row) for row in near[:SHOWN]),
    )


def classes(data: Material, train: Sequence[int], dev: Material, dev_rows: Sequence[int]) -> tuple[
    ClassRows, ...
]:  # fmt: skip
    """Each label with its rows, the commonest first.

    Args:
        data: the file.
        train: its rows that are learnt from.
        dev: the dev file, or the same file.
        dev_rows: its rows that are measured with.
    """
    learnt = Counter(name for row in train for name in data.labels[row])
    asked = Counter(name for row in dev_rows for name in dev.labels[row])
    whole = len(train) + (len(dev_rows) if dev is data else 0)
    found = []
    for name in {*learnt, *asked}:
        there = learnt[name] + (asked[name] if dev is data else 0)
        found.append(ClassRows(name, learnt[name], asked[name], there / max(1, whole)))
    return tuple(sorted(found, key=lambda one: (-one.share, one.name)))


def spread(data: Material) -> Spread | None:
    """Where the first number of the rows lies; None where rows say no numbers."""
    if data.says != "numbers":
        return None
    first = [target[0] for target in data.targets if isinstance(target, tuple)]
    low, a, b, c, high = np.quantile(first, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return Spread((low, a, b, c, high), len(set(first)))


def empty(data: Material) -> int:
    """How many texts have no word."""
    return sum(map(is_empty, data.texts))
