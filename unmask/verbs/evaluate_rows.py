"""A model with a head over sequences on the rows of a table: by what its outputs are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from unmask.checkpoint.folder import Opened
from unmask.errors import ConfigError
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.text.bad import Reading
from unmask.text.columns import LABEL_COLUMNS, NUMBER_COLUMNS, Columns
from unmask.text.labelled import Labelled, read_labelled, read_labelled_pairs, read_targets
from unmask.text.rows import Table
from unmask.text.targets import label_set_of, numbers_of
from unmask.verbs.classifier_result import ClassifierEvaluation
from unmask.verbs.evaluate_classifier import evaluate_classifier
from unmask.verbs.evaluate_targets import TargetsEvaluation, evaluate_numbers, evaluate_sets
from unmask.verbs.row_models import open_for_rows
from unmask.verbs.wanted import Wanted
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class Rows:
    """The table to measure on.

    Attributes:
        path: of the file.
        text, pair, label: names of its columns, or None to find them.
        separator: between the labels of a row, where they are no list.
        reading: takes the counts and the bad places.
    """

    path: str | Path
    text: str | None
    pair: str | None
    label: str | None
    separator: str | None
    reading: Reading

    def labelled(self, pairs: bool) -> Labelled:
        """Each row with one label."""
        if pairs:
            return read_labelled_pairs(
                self.path, self.text, self.pair, self.label, reading=self.reading
            )
        return read_labelled(self.path, self.text, self.label, reading=self.reading)

    def columns(self, table: Table, pairs: bool, known: tuple[str, ...] = LABEL_COLUMNS) -> Columns:
        """Those that are read; that of the labels, or of the numbers, is told by known names."""
        if pairs:
            return Columns.of_pairs(table, self.text, self.pair, self.label, known=known)
        return Columns.of(table, self.text, self.label, known=known)


def evaluate_rows(
    folder: Path, rows: Rows, wanted: Wanted, device: torch.device, watch: Watch
) -> ClassifierEvaluation | TargetsEvaluation:
    """Measure a model, and another one where asked for.

    Raises:
        ConfigError: what is asked does not fit the model, or the two models are of two kinds.
        LabelMismatch, DataError, CorruptText: the rows cannot be used.
    """
    model = open_for_rows(folder, device, rows.pair)
    against = wanted.against
    other = None if against is None else open_for_rows(against, device, rows.pair)
    outputs, pairs = model.use.outputs, model.use.texts == "pair"
    if other is not None and (other.use.outputs, other.use.texts) != (outputs, model.use.texts):
        raise ConfigError(
            f"{wanted.name} and {wanted.against} must give the same kind of answer to be compared "
            "on the same rows, but one gives "
            f"{_kind(model)} and the other {_kind(other)}"
        )
    with watch.stage("reading the data"):
        table = Table.open(rows.path)
        if outputs == "one":
            labelled = rows.labelled(pairs)
        elif outputs == "several":
            columns, read = rows.columns(table, pairs), label_set_of(rows.separator)
            sets = read_targets(table, columns, rows.reading, read)
        else:
            columns = rows.columns(table, pairs, NUMBER_COLUMNS)
            numbers = read_targets(table, columns, rows.reading, numbers_of)
    if outputs == "numbers":
        second = None if other is None else Regressor(other)
        return evaluate_numbers(Regressor(model), numbers, wanted, second, watch)
    kind = PairClassifier if pairs else Classifier
    ours, theirs = kind(model), None if other is None else kind(other)
    if outputs == "several":
        return evaluate_sets(ours, sets, wanted, theirs, watch)
    return evaluate_classifier(ours, labelled, wanted, theirs, watch)


def _kind(opened: Opened[SequenceClassifier]) -> str:
    words = {"one": "one label", "several": "any number of labels", "numbers": "numbers"}
    what = "pair" if opened.use.texts == "pair" else "text"
    return f"{words[opened.use.outputs]} for each {what}"
