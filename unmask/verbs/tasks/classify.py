"""One label for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened, open_classifier
from unmask.evaluation.calibration import one_label_temperature
from unmask.evaluation.classification import ClassificationFigures
from unmask.heads.model import SequenceClassifier
from unmask.objectives.supervised import Classification
from unmask.text.labelled import Labelled
from unmask.text.rows import Table
from unmask.verbs.tasks.few_shot import as_few_shot, from_few
from unmask.verbs.tasks.frozen import frozen_head
from unmask.verbs.tasks.labelled_data import Read, Split
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
from unmask.verbs.tasks.sets import ReadSets, holds_sets
from unmask.verbs.tasks.several import several


def classify(read: Read, sets: ReadSets) -> Callable[[Given], Pieces]:
    """What makes the pieces: of one label a row, or of any number where rows hold lists.

    Args:
        read: reads a file of texts or of pairs, each with a label.
        sets: reads one where each has a list of labels.
    """

    def pieces(given: Given) -> Pieces:
        table = Table.open(given.train)
        if holds_sets(table, given.settings.data):
            return several(given, table, sets)
        if given.settings.few_shot.use:
            few = as_few_shot(given)
            split, made = _one(few, table, read)
            return from_few(made, few, (*split.train.texts, *split.dev.texts))
        return _one(given, table, read)[1]

    return pieces


def _one(given: Given, train: Table, read: Read) -> tuple[Split, Pieces]:
    settings, watch = given.settings, given.watch
    with watch.stage("reading the data"):
        split = Split.read(train, given.dev, settings.data, settings.split_seed, read)
    opened = open_classifier(
        given.model,
        labels=split.labels,
        pooling=settings.model.pooling,
        outputs=("one",),
        seed=settings.run.seed,
        device=given.device,
        revision=given.revision,
    )
    with watch.stage("tokenising"):
        rows = rows_of(split.train, opened, given.on_long)
        dev = Measure.of(split.dev, opened, given.on_long)
    pairs = split.train.seconds is not None
    opened = with_texts(opened, pairs)
    objective = Classification.of(
        split.train.labels,
        opened.labels,
        balanced=settings.loss.class_weights == "balanced",
        smoothing=settings.loss.smoothing,
    )
    cuts = cut_notes(rows, dev.rows, opened, "pairs" if pairs else "texts")
    noun = f"classifier{' of pairs' * pairs} for {len(opened.labels)} labels"
    return split, Pieces(
        opened=opened,
        rows=rows,
        objective=objective,
        dev=dev,
        train_rows=len(split.train),
        dev_rows=len(split.dev),
        said=Said("text-classification", noun, labels_in_words(opened.labels)),
        notes=(*split.notes, *cuts, *new_weights(opened, settings.run.seed)),
        frozen=lambda: frozen_head(opened.model, rows, dev),
        finish=lambda: _finished(opened, dev),
        metrics=("accuracy", "macro_f1", "loss"),
    )


def _finished(opened: Opened[SequenceClassifier], dev: Measure) -> Finished:
    """Probabilities are calibrated on the dev rows."""
    logits = dev.logits(opened.model)
    warmth = one_label_temperature(logits.double().numpy(), dev.numbers.numpy())
    probabilities = (logits.double() / warmth.value).softmax(1)
    figures = ClassificationFigures.of(
        dev.truth, dev.guesses(logits), dev.labels, probabilities=probabilities.numpy()
    )
    use = replace(opened.use, temperature=warmth.value)
    told = warmth.in_words()
    if warmth.value != 1.0:
        told = f"{told}; it was fitted on the dev rows, whose log loss is flattered a little"
    return Finished(figures, replace(opened, use=use), (told,))


@dataclass(frozen=True, slots=True)
class Measure:
    """Labelled rows to measure a classifier with.

    Attributes:
        rows: the texts as token ids.
        truth: their labels.
        labels: all labels, in the model's order.
        device: where the model is.
    """

    rows: Rows
    truth: tuple[str, ...]
    labels: tuple[str, ...]
    device: torch.device

    @classmethod
    def of(cls, data: Labelled, opened: Opened[SequenceClassifier], on_long: OnLong) -> Measure:
        """The rows as this model's tokens.

        Raises:
            TooLong: a text is longer than the context, under "error".
        """
        device = opened.model.encoder.embedding.tokens.weight.device
        return cls(rows_of(data, opened, on_long), data.labels, opened.labels, device)

    @property
    def numbers(self) -> torch.Tensor:
        """`(N,)` int64, the number of each row's label."""
        number = {label: index for index, label in enumerate(self.labels)}
        return torch.tensor([number[label] for label in self.truth])

    def logits(self, model: nn.Module) -> torch.Tensor:
        """`(N, labels)` float32 on the CPU, in the order of the rows."""
        return logits_of(model, self.rows, self.device)

    def guesses(self, logits: torch.Tensor) -> list[str]:
        """The label of the highest score in each row."""
        return [self.labels[best] for best in logits.argmax(1).tolist()]

    def figures(self, model: nn.Module) -> ClassificationFigures:
        """All figures, with intervals."""
        guesses = self.guesses(self.logits(model))
        return ClassificationFigures.of(self.truth, guesses, self.labels)

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Mean loss in nats, accuracy and macro F1."""
        logits = self.logits(model)
        guesses = self.guesses(logits)
        figures = ClassificationFigures.of(self.truth, guesses, self.labels, resamples=1)
        return {
            "loss": float(F.cross_entropy(logits, self.numbers)),
            "accuracy": figures.accuracy,
            "macro_f1": figures.macro_f1,
        }
