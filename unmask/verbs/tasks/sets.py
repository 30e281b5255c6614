"""Reading files whose rows have any number of labels, and telling that they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from unmask.text.bad import Reading
from unmask.text.columns import LABEL_COLUMNS, Columns, column_of
from unmask.text.labelled import Targeted, read_targets
from unmask.text.rows import Table
from unmask.text.targets import LabelSet, label_set_of
from unmask.verbs.finetune_settings import TuneData

ReadSets = Callable[[str | Path | Table, TuneData], Targeted[LabelSet]]


def read_sets(path: str | Path | Table, settings: TuneData) -> Targeted[LabelSet]:
    """All texts of a table with their labels."""
    table = Table.open(path)
    columns = Columns.of(table, settings.text_column, settings.label_column)
    return _read(table, columns, settings)


def read_pair_sets(path: str | Path | Table, settings: TuneData) -> Targeted[LabelSet]:
    """All pairs of a table with their labels."""
    table = Table.open(path)
    named = (settings.text_column, settings.pair_column, settings.label_column)
    return _read(table, Columns.of_pairs(table, *named), settings)


def holds_sets(path: str | Path | Table, settings: TuneData) -> bool:
    """Whether the first label of a table is a list of labels, or a separator is given.

    In CSV and TSV a list stands as JSON has it. Rows without a label tell nothing.
    """
    if settings.label_separator is not None:
        return True
    table = Table.open(path)
    column = column_of(table, settings.label_column, LABEL_COLUMNS, "label")
    with closing(table.rows(Reading("skip", max_bad=1.0))) as rows:
        said = (row.values.get(column) for row in rows)
        value = next((one for one in said if one is not None and one != ""), None)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return isinstance(json.loads(value), list)
        except ValueError:
            return False
    return isinstance(value, list)


def _read(table: Table, columns: Columns, settings: TuneData) -> Targeted[LabelSet]:
    reading = Reading(settings.on_bad, settings.max_bad)
    return read_targets(table, columns, reading, label_set_of(settings.label_separator))
