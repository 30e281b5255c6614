"""Learning labels: nothing is hidden, and each sequence has one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import DataError
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.targets import Loss, Losses, Task


@dataclass(frozen=True)
class Classification:
    """Cross-entropy of one label for each sequence.

    Attributes:
        labels: `(N,)` int64, the label's number by the number of the sample.
        smoothing: share of each target that is spread evenly over all labels (Szegedy et al. 2016).
        weights: `(C,)` float32 by label, or None where all labels weigh the same. With weights
            that average to 1 over the samples the loss keeps its scale.
    """

    labels: torch.Tensor
    weights: torch.Tensor | None = None
    smoothing: float = 0.0

    @classmethod
    def of(
        cls,
        labels: Sequence[str],
        names: Sequence[str],
        *,
        balanced: bool = False,
        smoothing: float = 0.0,
    ) -> Classification:
        """The objective for labels given by name.

        Args:
            labels: N names.
            names: the C names, in the order of the model's outputs.
            balanced: whether all labels that occur weigh the same together, however many rows
                each has; else each row weighs the same.
            smoothing: of the targets, at least 0 and below 1.

        Raises:
            DataError: a label is none of the names.
        """
        numbers = numbered(labels, names)
        weights = even_weights(numbers, len(names)) if balanced else None
        return cls(numbers, weights, smoothing)

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is, with the labels of its samples; `rows` counts the sequences."""
        assert batch.samples is not None
        return Task(batch, torch.arange(len(batch)), self.labels[batch.samples], {})

    def loss(self, model: nn.Module, task: Task) -> Losses:
        """Summed cross-entropy, and how many labels were scored highest.

        Args:
            model: a batch to `(B, C)` logits.
        """
        logits = model(task.batch)
        loss = label_loss(logits, task.labels, self.weights, self.smoothing)
        return Losses({task.term: loss})


def numbered(labels: Sequence[str], names: Sequence[str]) -> torch.Tensor:
    """`(N,)` int64, the numbers of labels that are given by name.

    Raises:
        DataError: a label is none of the names.
    """
    number = {name: index for index, name in enumerate(names)}
    if missing := sorted(set(labels) - number.keys()):
        raise DataError(
            f"labels must be among {', '.join(map(repr, names))}, but there are also "
            f"{', '.join(map(repr, missing))}"
        )
    return torch.from_numpy(np.array([number[label] for label in labels], dtype=np.int64))


def even_weights(numbers: torch.Tensor, count: int) -> torch.Tensor:
    """`(C,)` float32 weights with which all labels that occur weigh the same together.

    Args:
        numbers: `(N,)` int64, the labels.
        count: C.
    """
    counts = torch.bincount(numbers, minlength=count)
    share = len(numbers) / int((counts > 0).sum())
    return (share / counts.clamp(min=1).double()).float()


def label_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor | None = None,
    smoothing: float = 0.0,
) -> Loss:
    """Summed cross-entropy of rows, and how many labels were scored highest.

    Args:
        logits: `(N, C)`.
        labels: `(N,)` int64.
        weights: `(C,)` by label; None where all weigh the same.
        smoothing: share of each target that is spread evenly over all labels.
    """
    if weights is None:
        each = torch.ones(len(labels), device=labels.device)
    else:
        each = weights.to(labels.device)[labels]
    total, hits = summed_cross_entropy(logits, labels, each)
    if smoothing:
        # The cross-entropy against even targets, beside that against the labels.
        even = -(torch.log_softmax(logits.float(), 1).mean(1) * each).sum()
        total = (1.0 - smoothing) * total + smoothing * even
    return Loss(total, len(labels), hits)


@dataclass(frozen=True)
class Several:
    """Whether each label is one of a sequence's or not: binary cross-entropy of each by itself.

    Attributes:
        labels: `(N, C)` float32 of 0 and 1, by the number of the sample.
        smoothing: share of each target that is moved to one half.
    """

    labels: torch.Tensor
    smoothing: float = 0.0

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is, with the labels of its samples."""
        assert batch.samples is not None
        return Task(batch, torch.arange(len(batch)), self.labels[batch.samples], {})

    def loss(self, model: nn.Module, task: Task) -> Losses:
        """Summed over sequences and labels, in nats, and how many were told right.

        Args:
            model: a batch to `(B, C)` logits.
        """
        logits = model(task.batch).float()
        wanted = task.labels * (1.0 - self.smoothing) + self.smoothing / 2
        total = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
        hits = ((logits > 0) == (task.labels > 0.5)).sum()
        return Losses({task.term: Loss(total, task.labels.numel(), hits)})


@dataclass(frozen=True)
class Regression:
    """The squared error of numbers for each sequence.

    Attributes:
        numbers: `(N, R)` float32 by the number of the sample.
    """

    numbers: torch.Tensor

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is, with the numbers of its samples."""
        assert batch.samples is not None
        return Task(batch, torch.arange(len(batch)), self.numbers[batch.samples], {})

    def loss(self, model: nn.Module, task: Task) -> Losses:
        """Summed over sequences and numbers; there are no hits.

        Args:
            model: a batch to `(B, R)` numbers.
        """
        total = (model(task.batch).float() - task.labels).square().sum()
        return Losses({task.term: Loss(total, task.labels.numel(), torch.zeros(()))})
