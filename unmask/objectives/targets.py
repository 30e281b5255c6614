"""What an objective asks of a model on one batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from unmask.batches.batch import Batch


@dataclass(frozen=True, slots=True)
class Task:
    """A batch with what is to be predicted from it.

    Attributes:
        batch: what the model sees.
        rows: `(M,)` int64, the rows at which it predicts.
        labels: `(N,)` int64, what is to be predicted.
        counts: what was done to the tokens, by name, for the log.
        places: `(N,)` int64, where the labels belong among the scores `(M, P)` of a head that
            predicts P tokens at each row, counted through; None where each row has one label.
    """

    batch: Batch
    rows: torch.Tensor
    labels: torch.Tensor
    counts: dict[str, int]
    places: torch.Tensor | None = None

    def to(self, device: torch.device) -> Task:
        """The same task on another device."""
        return Task(
            self.batch.to(device),
            self.rows.to(device),
            self.labels.to(device),
            self.counts,
            None if self.places is None else self.places.to(device),
        )


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that can be added up over batches and divided once.

    Attributes:
        total: 0-d, the sum over targets in nats, with its gradient.
        targets: how many were summed.
        hits: how many of them the model's first guess got right.
    """

    total: torch.Tensor
    targets: int
    hits: torch.Tensor
