"""Labelled rows for training and for measuring: read, held apart, checked against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import DataError, LabelMismatch, first_of
from unmask.text.bad import Reading
from unmask.text.empty import EmptyTexts
from unmask.text.labelled import (
    Labelled,
    Targeted,
    read_labelled,
    read_labelled_pairs,
    sorted_labels,
)
from unmask.text.rows import Table
from unmask.verbs.finetune_settings import TuneData

HOLD_OUT = 201  # stream of Draws
T = TypeVar("T")
Read = Callable[[str | Path | Table, TuneData], Labelled]


def read_texts(path: str | Path | Table, settings: TuneData) -> Labelled:
    """All labelled texts of a table; see `read_labelled`."""
    reading = Reading(settings.on_bad, settings.max_bad)
    return read_labelled(path, settings.text_column, settings.label_column, reading=reading)


def read_pairs(path: str | Path | Table, settings: TuneData) -> Labelled:
    """All labelled pairs of a table; see `read_labelled_pairs`."""
    return read_labelled_pairs(
        path,
        settings.text_column,
        settings.pair_column,
        settings.label_column,
        reading=Reading(settings.on_bad, settings.max_bad),
    )


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to train on and rows to measure with.

    Attributes:
        train, dev: the rows.
        labels: names of all labels of the training rows, in the order that a model numbers them.
        notes: what a person should know of the data.
    """

    train: Labelled
    dev: Labelled
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls,
        train: str | Path | Table,
        dev: str | Path | None,
        settings: TuneData,
        seed: int,
        read: Read = read_texts,
    ) -> Split:
        """Read a training file, and a dev file or hold out a share.

        Args:
            train, dev: the files.
            settings: of the reading.
            seed: of what is held out.
            read: reads one file, of texts or of pairs.

        Raises:
            DataError: a column or label is missing, or there is only one label.
            LabelMismatch: the dev rows have labels that the training rows lack.
            CorruptText: a bad place.
        """
        whole = read(train, settings)
        labels = sorted_labels(whole.labels)
        if len(labels) < 2:
            raise DataError(
                f"a classifier needs two or more labels to tell apart, but {whole.name} has only "
                f"{labels[0]!r}; add rows of another label"
            )
        measured = None if dev is None else read(dev, settings)
        if measured is not None:
            check_known(labels, measured.labels, "training data", measured.name)
        told = [with_labels(one) for one in (whole, measured) if one is not None]
        if measured is None:
            rest, held_out, how = held_apart(whole, whole.labels, settings.dev_share, seed)
            told.append(f"{how}, stratified by label")
            if missing := _missing(labels, held_out):
                told.append(f"no row is held out of: {missing}, with no second text of their own")
            return cls(rest, held_out, labels, tuple(told))
        notes = [*told, *shared_note(whole, measured)]
        if missing := _missing(labels, measured):
            notes.append(f"{measured.name} has no row of: {missing}")
        return cls(whole, measured, labels, tuple(notes))


def _missing(labels: Sequence[str], rows: Labelled) -> str:
    """The first of the labels that no row has; empty where each has one."""
    there = set(rows.labels)
    return first_of([label for label in labels if label not in there], 20)


def with_labels(rows: Labelled) -> str:
    """What was read from where, and how many labels there are."""
    return told(rows, f", {counted(len(set(rows.labels)), 'label')}")


def shared_note(whole: Targeted[T], measured: Targeted[T]) -> tuple[str, ...]:
    """How much of what is measured with was learnt from, in words; empty for nothing."""
    shared = len(set(whole.asked) & set(measured.asked))
    if not shared:
        return ()
    noun = "text" if whole.seconds is None else "pair"
    return (
        f"{counted(shared, noun)} of {measured.name} {is_are(shared)} in {whole.name} as well, "
        "which flatters the figures",
    )


def held_apart(
    rows: Targeted[T], groups: Sequence[str], share: float, seed: int
) -> tuple[Targeted[T], Targeted[T], str]:
    """Hold out a share of each group, and say it; see `hold_out`."""
    rest, held_out = hold_out(rows, share, seed, groups)
    how = f"{len(held_out):,} of {len(rows):,} rows {is_are(len(held_out))} held out"
    noun = "texts" if rows.seconds is None else "pairs"
    return rest, held_out, how + of_different(rows.asked, held_out.asked, noun)


def of_different(
    every: Sequence[tuple[str, ...]], held_out: Sequence[tuple[str, ...]], noun: str
) -> str:
    """What stands behind the number of rows that are held out, where some of them are alike.

    A share of the different texts may be another share of the rows.

    Args:
        every: what each of all rows asks about.
        held_out: the same of those held out.
        noun: what is asked about.
    """
    different = len({*every})
    if different == len(every):
        return ""
    return f", all those of {len({*held_out}):,} of the {different:,} different {noun}"


def hold_out(
    rows: Targeted[T], share: float, seed: int, groups: Sequence[str]
) -> tuple[Targeted[T], Targeted[T]]:
    """Hold out a share of each group's rows; see `held`.

    Args:
        rows: N rows.
        share: of each group's texts.
        seed: of the draw.
        groups: N names, such as the labels.

    Returns:
        The rows to train on and those held out, each in their first order.

    Raises:
        DataError: no group has two different texts.
    """
    out = held(rows.asked, groups, share, seed, rows.name)
    return rows.some(np.flatnonzero(~out).tolist()), rows.some(np.flatnonzero(out).tolist())


def held(
    asked: Sequence[tuple[str, ...]], groups: Sequence[str], share: float, seed: int, name: str
) -> npt.NDArray[np.bool_]:
    """`(N,)` whether a row is held out: a share of each group, at least one where there are two.

    The same text is never on both sides. A group with a single text stays with the training rows.

    Args:
        asked: what each of N rows asks about.
        groups: N names, such as the labels.
        share: of each group's texts.
        seed: of the draw.
        name: of the file.

    Raises:
        DataError: no group has two different texts.
    """
    texts: dict[str, dict[tuple[str, ...], None]] = {}
    home: dict[tuple[str, ...], str] = {}
    for text, label in zip(asked, groups, strict=True):
        texts.setdefault(home.setdefault(text, label), {})[text] = None
    chosen: set[tuple[str, ...]] = set()
    for number, label in enumerate(sorted(texts)):
        distinct = list(texts[label])
        count = min(max(1, round(share * len(distinct))), len(distinct) - 1)
        order = Draws(seed, number).permutation(len(distinct), HOLD_OUT)
        chosen.update(distinct[place] for place in order[:count])
    if not chosen:
        raise DataError(
            f"holding out rows needs a label with two different texts, but {name} has none; "
            "give --dev a file"
        )
    return np.array([text in chosen for text in asked])


def check_known(known: Sequence[str], found: Sequence[str], whose: str, name: str) -> None:
    """Check that all labels of some rows are known.

    Args:
        known: the labels of the model, or of the training data.
        found: labels of the rows.
        whose: whose labels `known` are, for the message.
        name: the file of the rows.

    Raises:
        LabelMismatch: shows both sets.
    """
    if strange := sorted_labels(set(found) - set(known)):
        raise LabelMismatch(
            f"the labels of {name} must be those of the {whose}, but "
            f"{_listed(strange)} {is_are(len(strange))} not among them. The "
            f"{whose} has: {_listed(sorted_labels(known))}. {name} has: "
            f"{_listed(sorted_labels(found))}. Rename the labels, or choose another column with "
            "--label-column"
        )


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def is_are(count: int) -> str:
    """The verb that goes with a count."""
    return "is" if count == 1 else "are"


def told(rows: Targeted[Any], more: str = "") -> str:
    """What was read from where.

    Args:
        rows: the rows.
        more: behind their number.
    """
    return "; ".join((f"{read_from(rows)}{more}", *remarks(rows)))


def read_from(rows: Targeted[Any]) -> str:
    """Where rows were read from, and how many."""
    return f"{rows.name}: {rows.columns}; {counted(len(rows), 'row')}"


def remarks(rows: Targeted[Any]) -> tuple[str, ...]:
    """What was left out of the rows, and which texts are empty, in words."""
    empty = EmptyTexts(rows.name)
    for line, asked in zip(rows.lines, rows.asked, strict=True):
        empty.look(line, asked)
    return tuple(filter(None, (rows.left_out, empty.told)))


def _listed(names: Sequence[str], most: int = 100) -> str:
    return first_of([*map(repr, names)], most)
