"""One label for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened, open_classifier
from unmask.evaluation.classification import ClassificationFigures
from unmask.heads.model import SequenceClassifier
from unmask.objectives.supervised import Classification
from unmask.text.labelled import Labelled
from unmask.train.loop import Evaluate
from unmask.verbs.tasks.frozen import HeadOnly
from unmask.verbs.tasks.labelled_data import Read, Split
from unmask.verbs.tasks.pieces import Given, Pieces, Said, new_weights
from unmask.verbs.tasks.rows import Rows, cut_note

MOST_LABELS = 20  # named in the card


def classify(read: Read) -> Callable[[Given], Pieces]:
    """What makes the pieces.

    Args:
        read: reads a file, of texts or of pairs.
    """

    def pieces(given: Given) -> Pieces:
        settings, watch = given.settings, given.watch
        with watch.stage("reading the data"):
            split = Split.read(given.train, given.dev, settings.data, settings.run.seed, read)
        opened = open_classifier(
            given.model,
            labels=split.labels,
            pooling=settings.model.pooling,
            seed=settings.run.seed,
            device=given.device,
            revision=given.revision,
        )
        with watch.stage("tokenising"):
            rows = rows_of(split.train, opened, given.on_long)
            dev = Measure.of(split.dev, opened, given.on_long)
        noun = "texts" if split.train.seconds is None else "pairs"
        context = opened.model.encoder.config.context
        cuts = (
            cut_note(rows, f"training {noun}", context),
            cut_note(dev.rows, f"dev {noun}", context),
        )
        head = new_weights(opened, settings.run.seed)
        return Pieces(
            opened=opened,
            rows=rows,
            objective=Classification.of(split.train.labels, opened.labels),
            dev=dev,
            train_rows=len(split.train),
            dev_rows=len(split.dev),
            said=_said(opened, noun),
            notes=tuple(filter(None, (*split.notes, *cuts, head))),
            frozen=lambda: _frozen(opened.model, rows, dev),
        )

    return pieces


def rows_of(data: Labelled, opened: Opened[SequenceClassifier], on_long: OnLong) -> Rows:
    """The texts, or pairs, as this model's tokens.

    Raises:
        TooLong: one is longer than the context, under "error".
    """
    if data.seconds is None:
        return Rows.of(data.texts, opened, on_long)
    return Rows.of_pairs(data.texts, data.seconds, opened, on_long)


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

    def logits(self, model: nn.Module) -> torch.Tensor:
        """`(N, labels)` float32 on the CPU, in the order of the rows."""

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(model(batch).float().cpu())

        return torch.stack(self.rows.read(read, self.device))

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
        number = {label: index for index, label in enumerate(self.labels)}
        truth = torch.tensor([number[label] for label in self.truth])
        guesses = self.guesses(logits)
        figures = ClassificationFigures.of(self.truth, guesses, self.labels, resamples=1)
        return {
            "loss": float(F.cross_entropy(logits, truth)),
            "accuracy": figures.accuracy,
            "macro_f1": figures.macro_f1,
        }


def _frozen(model: SequenceClassifier, rows: Rows, dev: Measure) -> tuple[nn.Module, Evaluate]:
    trained, vectors = HeadOnly.over(model, rows), HeadOnly.over(model, dev.rows)
    return trained, lambda _: dev(vectors)  # its head is the one being trained


def _said(opened: Opened[SequenceClassifier], noun: str) -> Said:
    labels = opened.labels
    named = ", ".join(labels[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    what = "classifier" if noun == "texts" else "classifier of pairs"
    return Said("text-classification", f"{what} for {len(labels)} labels", f"Labels: {named}{more}")
