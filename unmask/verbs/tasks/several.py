"""Any number of labels for each text: temperature and thresholds are chosen on the dev rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from unmask.checkpoint.folder import Opened, open_classifier
from unmask.errors import ConfigError, DataError
from unmask.evaluation.calibration import Thresholds, many_label_temperature
from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.heads.model import SequenceClassifier
from unmask.objectives.supervised import Several
from unmask.text.labelled import Targeted, sorted_labels
from unmask.text.rows import Table as File
from unmask.text.targets import LabelSet
from unmask.verbs.tasks.frozen import frozen_head
from unmask.verbs.tasks.labelled_data import check_known, counted, held_apart, shared_note, told
from unmask.verbs.tasks.pieces import (
    Finished,
    Given,
    Pieces,
    Said,
    labels_in_words,
    new_weights,
    with_texts,
)
from unmask.verbs.tasks.rows import Rows, cut_notes, logits_of, rows_of
from unmask.verbs.tasks.sets import ReadSets


def several(given: Given, file: File, read: ReadSets) -> Pieces:
    """The pieces.

    Args:
        given: what they are made from.
        file: its training rows.
        read: reads a file.

    Raises:
        ConfigError: class weights are asked for, or few-shot.
        DataError, LabelMismatch: see `_split`.
    """
    settings, watch = given.settings, given.watch
    if settings.loss.class_weights != "none":
        raise ConfigError(
            f"class_weights={settings.loss.class_weights} weighs rows by their one label, and the "
            f"rows of {given.train} have any number of them; leave it out"
        )
    if settings.few_shot.use:
        raise ConfigError(
            f"few-shot draws texts of one label together, and the rows of {given.train} have any "
            "number of them; leave it out"
        )
    with watch.stage("reading the data"):
        train, dev, labels, notes = _split(given, file, read)
    opened = open_classifier(
        given.model,
        labels=labels,
        pooling=settings.model.pooling,
        outputs=("several",),
        seed=settings.run.seed,
        device=given.device,
        revision=given.revision,
    )
    with watch.stage("tokenising"):
        rows = rows_of(train, opened, given.on_long)
        measure = Measure.of(rows_of(dev, opened, given.on_long), dev.labels, opened)
    pairs = train.seconds is not None
    opened = with_texts(opened, pairs)
    cuts = cut_notes(rows, measure.rows, opened, "pairs" if pairs else "texts")
    return Pieces(
        opened=opened,
        rows=rows,
        objective=Several(
            torch.from_numpy(_table(train.labels, opened.labels)), settings.loss.smoothing
        ),
        dev=measure,
        train_rows=len(train),
        dev_rows=len(dev),
        said=_said(opened),
        notes=(*notes, *cuts, *new_weights(opened, settings.run.seed)),
        frozen=lambda: frozen_head(opened.model, rows, measure),
        finish=lambda: _finished(opened, measure),
        metrics=("micro_f1", "macro_f1", "loss"),
    )


Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measure:
    """Rows with sets of labels to measure with.

    Attributes:
        rows: the texts as token ids.
        truth: `(N, C)` float32 of 0 and 1.
        labels: all C labels, in the model's order.
        device: where the model is.
    """

    rows: Rows
    truth: Table
    labels: tuple[str, ...]
    device: torch.device

    @classmethod
    def of(
        cls, rows: Rows, truth: Sequence[LabelSet], opened: Opened[SequenceClassifier]
    ) -> Measure:
        """The rows for this model."""
        device = opened.model.encoder.embedding.tokens.weight.device
        return cls(rows, _table(truth, opened.labels), opened.labels, device)

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Mean loss in nats a decision, and F1 at thresholds of one half."""
        logits = logits_of(model, self.rows, self.device)
        figures = self._at(logits.numpy() > 0, resamples=1)
        return {
            "loss": float(F.binary_cross_entropy_with_logits(logits, torch.from_numpy(self.truth))),
            "micro_f1": figures.micro_f1.value or 0.0,
            "macro_f1": figures.macro_f1.value or 0.0,
        }

    def figures(self, model: nn.Module) -> MultiLabelFigures:
        """All figures, at thresholds of one half."""
        return self._at(logits_of(model, self.rows, self.device).numpy() > 0)

    def at(self, given: npt.NDArray[Any]) -> MultiLabelFigures:
        """All figures of labels that are given, `(N, C)`."""
        return self._at(given)

    def _at(self, given: npt.NDArray[Any], **resamples: int) -> MultiLabelFigures:
        truth, guesses = (_names(table, self.labels) for table in (self.truth, given))
        return MultiLabelFigures.of(truth, guesses, self.labels, **resamples)


def _split(
    given: Given, file: File, read: ReadSets
) -> tuple[Targeted[LabelSet], Targeted[LabelSet], tuple[str, ...], tuple[str, ...]]:
    """Rows to learn from, rows to measure with, all labels, and notes.

    Raises:
        DataError: there are fewer than two labels.
        LabelMismatch: the dev rows have labels that the training rows lack.
    """
    settings = given.settings
    whole = read(file, settings.data)
    labels = sorted_labels({name for names in whole.labels for name in names})
    if len(labels) < 2:
        raise DataError(
            f"a classifier needs two or more labels, but {whole.name} has only "
            f"{', '.join(map(repr, labels)) or 'empty lists'}; add rows of another label"
        )
    if given.dev is None:
        groups = rarest(whole.labels)
        rest, held_out, how = held_apart(
            whole, groups, settings.data.dev_share, settings.split_seed
        )
        how = f"{how}, stratified by the rarest label of each"
        return rest, held_out, labels, (_told(whole), how)
    dev = read(given.dev, settings.data)
    found = [name for names in dev.labels for name in names]
    check_known(labels, found, "training data", dev.name)
    notes = [_told(whole), _told(dev), *shared_note(whole, dev)]
    if missing := [label for label in labels if label not in set(found)]:
        notes.append(f"{dev.name} has no row of: {', '.join(missing[:20])}")
    return whole, dev, labels, tuple(notes)


def rarest(rows: Sequence[LabelSet]) -> list[str]:
    """Of each row, the label in it that the fewest rows have; "" where it has none."""
    counts = Counter(name for names in rows for name in names)
    return [min(names, key=lambda name: (counts[name], name), default="") for names in rows]


def _told(rows: Targeted[LabelSet]) -> str:
    every = [name for names in rows.labels for name in names]
    share = len(every) / len(rows)
    return told(
        rows, f", {counted(len(set(every)), 'label')}, {share:.2f} of them a row on average"
    )


def _finished(opened: Opened[SequenceClassifier], dev: Measure) -> Finished:
    """The temperature, then thresholds of calibrated probabilities; both chosen on the dev rows."""
    logits, truth = logits_of(opened.model, dev.rows, dev.device), dev.truth.astype(np.float64)
    warmth = many_label_temperature(logits.double().numpy(), truth)
    probabilities = torch.sigmoid(logits / warmth.value).double().numpy()
    chosen = Thresholds.fit(probabilities, truth, opened.labels)
    use = replace(
        opened.use,
        temperature=warmth.value,
        thresholds=dict(zip(chosen.labels, chosen.values, strict=True)),
    )
    notes = (warmth.in_words(), f"{chosen.in_words()}; the dev rows chose them, so that their "
             "figures flatter a little")  # fmt: skip
    return Finished(dev.at(chosen.given(probabilities)), replace(opened, use=use), notes)


def _table(rows: Sequence[LabelSet], labels: Sequence[str]) -> Table:
    """`(N, C)` of 0 and 1."""
    number = {name: place for place, name in enumerate(labels)}
    table = np.zeros((len(rows), len(labels)), dtype=np.float32)
    for row, names in enumerate(rows):
        table[row, [number[name] for name in names]] = 1.0
    return table


def _names(table: npt.NDArray[Any], labels: Sequence[str]) -> list[list[str]]:
    return [[labels[place] for place in np.flatnonzero(row).tolist()] for row in table]


def _said(opened: Opened[SequenceClassifier]) -> Said:
    noun = f"classifier that gives any number of {len(opened.labels)} labels"
    return Said("text-classification", noun, labels_in_words(opened.labels))
