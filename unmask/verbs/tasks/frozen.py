"""A classifier's head trained by itself, on what its encoder gives, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.model import SequenceClassifier
from unmask.heads.pooling import POOLINGS
from unmask.heads.sequence import SequenceHead
from unmask.train.loop import Evaluate
from unmask.verbs.tasks.rows import Rows


class DevRows(Protocol):
    """Rows that measure a model."""

    @property
    def rows(self) -> Rows:
        """As token ids."""
        ...

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Figures of a model."""
        ...


class HeadOnly(nn.Module):
    """A head over pooled vectors instead of an encoder; its parameters are the model's own.

    The vectors are no part of the state: a resumed run computes them again.
    """

    def __init__(self, head: SequenceHead, vectors: torch.Tensor) -> None:
        """Use `over` for a model's texts.

        Args:
            head: the head; shared, not copied.
            vectors: `(N, D)` by number of the sample.
        """
        super().__init__()
        self.head = head
        self.vectors = vectors

    @classmethod
    def over(cls, model: SequenceClassifier, rows: Rows) -> HeadOnly:
        """The head of a model over the pooled vectors of rows of token ids."""
        pool = POOLINGS[model.head_config.pooling]
        device = model.encoder.embedding.tokens.weight.device

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(pool(model.encoder(batch), batch))

        training = model.encoder.training
        model.encoder.eval()
        vectors = torch.stack(rows.read(read, device))
        model.encoder.train(training)
        # Made in inference mode, where autograd does not reach; a copy made outside it is free.
        return cls(model.head, vectors.clone())

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits `(B, labels)` of the batch's samples."""
        assert batch.samples is not None
        count = len(batch)
        ends = torch.arange(count + 1, device=self.vectors.device)
        # One vector a sequence: pooling it gives it back.
        ones = Batch(batch.samples, torch.zeros_like(batch.samples), ends, (1,) * count)
        logits: torch.Tensor = self.head(self.vectors[batch.samples], ones)
        return logits


def frozen_head(model: SequenceClassifier, rows: Rows, dev: DevRows) -> tuple[HeadOnly, Evaluate]:
    """A model's head over what its frozen encoder gives, and what measures it.

    Args:
        model: encoder and head.
        rows: to learn from.
        dev: to measure with; its figures are those of the vectors' head.
    """
    trained, vectors = HeadOnly.over(model, rows), HeadOnly.over(model, dev.rows)
    return trained, lambda _: dev(vectors)  # its head is the one being trained
