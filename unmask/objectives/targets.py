"""What an objective asks of a model on one batch, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch

from unmask.batches.batch import Batch


class Asked(Protocol):
    """A batch with what is to be predicted from it, whatever that is."""

    @property
    def batch(self) -> Batch:
        """What the model sees; its tokens are those that are counted."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done to the tokens, by name, for the log."""
        ...

    @property
    def targets(self) -> Mapping[str, int]:
        """How much each term of the loss predicts; the objective's main term first.

        It is known before any loss is: a step of several batches divides each term once, by the
        targets of all of them.
        """
        ...

    def to(self, device: torch.device) -> Asked:
        """The same on another device."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """Tokens, or labels of sequences, to be predicted at rows of a batch: one term.

    Attributes:
        batch: what the model sees.
        rows: `(M,)` int64, the rows at which it predicts.
        labels: `(N,)` int64, what is to be predicted; of sequences with several targets each
            `(N, R)` float32.
        counts: what was done to the tokens, by name, for the log.
        places: `(N,)` int64, where the labels belong among the scores `(M, P)` of a head that
            predicts P tokens at each row, counted through; None where each row has one label.
        term: what the log calls it where there are others.
    """

    batch: Batch
    rows: torch.Tensor
    labels: torch.Tensor
    counts: dict[str, int]
    places: torch.Tensor | None = None
    term: str = "tokens"

    @property
    def targets(self) -> dict[str, int]:
        """As many as there are labels."""
        return {self.term: self.labels.numel()}

    def to(self, device: torch.device) -> Task:
        """The same task on another device."""
        return Task(
            self.batch.to(device),
            self.rows.to(device),
            self.labels.to(device),
            self.counts,
            None if self.places is None else self.places.to(device),
            self.term,
        )


@dataclass(frozen=True, slots=True)
class Loss:
    """One term of a loss, which can be added up over batches and divided once.

    Attributes:
        total: 0-d, the sum over targets in nats, with its gradient.
        targets: how many were summed.
        hits: how many of them the model's first guess got right.
        weight: of this term's mean in the whole loss.
    """

    total: torch.Tensor
    targets: int
    hits: torch.Tensor
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Losses:
    """All terms of a loss on one batch.

    Attributes:
        terms: by the names and in the order of the task's `targets`.
        counts: what the model itself did to the tokens, by name, 0-d each, for the log.
    """

    terms: Mapping[str, Loss]
    counts: Mapping[str, torch.Tensor] = field(default_factory=dict)
