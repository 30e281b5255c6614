"""Texts that belong together, for training and for measuring: read, and held apart by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.errors import ConfigError, DataError
from unmask.text.bad import Reading
from unmask.text.related import Related, read_related
from unmask.text.related_columns import What
from unmask.verbs.embed_settings import EmbedLoss
from unmask.verbs.finetune_settings import FinetuneSettings, TuneData
from unmask.verbs.tasks.labelled_data import counted, held, is_are

LOSSES: Mapping[What, tuple[EmbedLoss, ...]] = {
    "pairs": ("contrastive",),
    "graded": ("ranking", "cosine"),
    "taught": ("margin", "kl"),
}
"""What can be learnt from rows; the first is the default."""


@dataclass(frozen=True, slots=True)
class RelatedSplit:
    """Rows to train on and rows to measure with.

    Attributes:
        train, dev: the rows.
        loss: what is learnt from them.
        notes: what a person should know of the data.
    """

    train: Related
    dev: Related
    loss: EmbedLoss
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls, train: str | Path, dev: str | Path | None, settings: FinetuneSettings
    ) -> RelatedSplit:
        """Read a training file, and a dev file or hold out the rows of some queries.

        A dev file needs no teacher's scores: what was learnt from them is measured by the documents
        that are found.

        Raises:
            ConfigError: a column of numbers is named, and none is read.
            DataError: a column or a grade is missing, or there is one query to hold out from.
            CorruptText: a bad place, such as a query without a document.
        """
        data, asked = settings.data, settings.embed.loss
        wanted = next((what for what, losses in LOSSES.items() if asked in losses), None)
        if wanted == "pairs" and data.label_column is not None:
            raise ConfigError(
                f"--label-column {data.label_column} would do nothing: embed.loss={asked} reads no "
                "numbers; leave one of them out"
            )
        whole = read(train, data, wanted)
        what = whole.columns.what
        loss = asked or LOSSES[what][0]
        if dev is None:
            rest, held_out, how = held_apart(whole, data.dev_share, settings.split_seed)
            return cls(rest, held_out, loss, (told(whole), how))
        measured = read(dev, data, "graded" if what == "graded" else "pairs")
        notes = [told(whole), told(measured)]
        if shared := len(_pairs(whole) & _pairs(measured)):
            notes.append(
                f"{counted(shared, 'pair')} of {measured.name} {is_are(shared)} in {whole.name} as "
                "well, which flatters the figures"
            )
        return cls(whole, measured, loss, tuple(notes))


def read(path: str | Path, settings: TuneData, what: What | None) -> Related:
    """All rows of a table; see `read_related`."""
    return read_related(
        path,
        settings.text_column,
        settings.pair_column,
        None if what == "pairs" else settings.label_column,
        what=what,
        reading=Reading(settings.on_bad, settings.max_bad),
    )


def held_apart(rows: Related, share: float, seed: int) -> tuple[Related, Related, str]:
    """Hold out the rows of a share of the queries, and say it.

    Returns:
        The rows to train on and those held out, each in their first order; and how, in words.

    Raises:
        DataError: there is one query.
    """
    queries = [(row.query,) for row in rows.rows]
    if len(set(queries)) < 2:
        raise DataError(
            f"holding out rows needs two different queries, but {rows.name} has one; give --dev a "
            "file"
        )
    out = held(queries, [""] * len(queries), share, seed, rows.name)
    rest, held_out = (rows.some(np.flatnonzero(which).tolist()) for which in (~out, out))
    how = (
        f"{len(held_out):,} of {len(rows):,} rows {is_are(len(held_out))} held out, all those of "
        f"{_queries(held_out)}"
    )
    return rest, held_out, how


def told(rows: Related) -> str:
    """What was read from where."""
    documents = len({row.document for row in rows.rows})
    negatives = sum(len(row.negatives) for row in rows.rows)
    second = "second text" if rows.columns.what == "graded" else "document"
    said = [
        f"{rows.name}: {rows.columns}; {counted(len(rows), 'row')}, "
        f"{_queries(rows)}, {counted(documents, second)}"
    ]
    if negatives:
        said[0] += f", {counted(negatives, 'negative')}"
    said += _repeated(rows)
    if rows.left_out:
        said.append(rows.left_out)
    return "; ".join(said)


def _repeated(rows: Related) -> list[str]:
    """How many pairs are there again, in words; they stay."""
    grades: dict[tuple[str, str], set[float]] = {}
    for row in rows.rows:
        grades.setdefault((row.query, row.document), set()).add(row.grade)
    if not (repeated := len(rows) - len(grades)):
        return []
    said = f"{rows.name}: {counted(repeated, 'row')} with a pair that was there before"
    if disputed := sum(len(found) > 1 for found in grades.values()):
        said += f", and {counted(disputed, 'pair')} with more than one grade"
    return [said]


def _queries(rows: Related) -> str:
    """How many there are, in words."""
    count = len({row.query for row in rows.rows})
    if rows.columns.what == "graded":
        return counted(count, "first text")
    return f"{count:,} quer{'y' if count == 1 else 'ies'}"


def _pairs(rows: Related) -> set[tuple[str, str]]:
    return {(row.query, row.document) for row in rows.rows}
