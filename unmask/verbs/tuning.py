"""Labelled rows as batches, and a model measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.loader import PretrainingBatches
from unmask.batches.sequences import OnLong, Sequences
from unmask.checkpoint.folder import Opened
from unmask.evaluation.classification import ClassificationFigures
from unmask.heads.model import SequenceClassifier
from unmask.nn.attention import Attention
from unmask.nn.linear import GatedLinear, Linear
from unmask.pipelines.running import Fit, run
from unmask.text.labelled import Labelled

WINDOW = 32  # batches sorted by length together; see unmask.batches.order


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as rows of token ids.

    Attributes:
        rows: one list of ids a text, special tokens included.
        truncated: how many of them were cut.
    """

    rows: tuple[list[int], ...]
    truncated: int

    @classmethod
    def of(cls, texts: Sequence[str], opened: Opened[Any], on_long: OnLong) -> Rows:
        """Tokenise texts for a classifier.

        Raises:
            TooLong: a text is longer than the context, under "error".
        """
        context = opened.model.encoder.config.context
        fit = Fit(opened.tokenizer.layout, context, on_long, ("truncate", "error"))
        ids = opened.tokenizer.ids_stream(texts)
        fitted = [fit(one, number) for number, one in enumerate(ids)]
        return cls(tuple(one.rows[0] for one in fitted), sum(one.truncated for one in fitted))


def tune_batches(rows: Rows, batch: int, seed: int) -> PretrainingBatches:
    """Batches of whole texts; the number of a sample is the number of its text.

    Args:
        rows: the texts.
        batch: texts of a batch, on average. The budget is in tokens, so that a batch of long
            texts costs no more than one of short ones.
        seed: of the order.
    """
    lengths = np.array([len(row) for row in rows.rows], dtype=np.int64)
    ends = np.cumsum(lengths)
    sequences = Sequences(ends - lengths, lengths, rows.truncated, 0)
    tokens = np.concatenate([np.asarray(row, dtype=np.uint32) for row in rows.rows])
    budget = max(int(lengths.max()), round(batch * float(lengths.mean())))
    # The rows hold their special tokens already, so nothing is put around them.
    return PretrainingBatches(tokens, sequences, (), (), budget, seed, WINDOW)


def steps_of(batches: PretrainingBatches, epochs: int) -> int:
    """The number of batches in so many epochs; it differs a little from epoch to epoch."""
    return sum(batches.count(epoch, len(batches.sequences)) for epoch in range(epochs))


def set_dropout(model: nn.Module, share: float) -> None:
    """Drop this share of hidden units in training, and no attention probabilities.

    Dropping those would force the kernel that writes out all scores. The model's configuration
    is left as it is: what is dropped in training is no property of the finished model.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(module, Linear | GatedLinear):
            module.dropout = share
        elif isinstance(module, Attention):
            module.dropout = 0.0


@dataclass(frozen=True, slots=True)
class Measure:
    """Labelled rows to measure a classifier with. Called by the loop with a model in eval mode.

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
        rows = Rows.of(data.texts, opened, on_long)
        return cls(rows, data.labels, opened.labels, device)

    def logits(self, model: nn.Module) -> torch.Tensor:
        """`(N, labels)` float32 on the CPU, in the order of the rows."""

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(model(batch).float().cpu())

        return torch.stack(run(self.rows.rows, read, self.device))

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
