"""Learning labels: nothing is hidden, and each sequence has one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

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
        weights: `(C,)` float32 by label, or None where all labels weigh the same. With weights
            that average to 1 over the samples the loss keeps its scale.
    """

    labels: torch.Tensor
    weights: torch.Tensor | None = None

    @classmethod
    def of(cls, labels: Sequence[str], names: Sequence[str]) -> Classification:
        """The objective for labels given by name.

        Args:
            labels: N names.
            names: the C names, in the order of the model's outputs.

        Raises:
            DataError: a label is none of the names.
        """
        number = {name: index for index, name in enumerate(names)}
        if missing := sorted(set(labels) - number.keys()):
            raise DataError(
                f"labels must be among {', '.join(map(repr, names))}, but there are also "
                f"{', '.join(map(repr, missing))}"
            )
        return cls(torch.from_numpy(np.array([number[label] for label in labels], dtype=np.int64)))

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
        if self.weights is None:
            weights = torch.ones(len(task.labels), device=task.labels.device)
        else:
            weights = self.weights.to(task.labels.device)[task.labels]
        total, hits = summed_cross_entropy(logits, task.labels, weights)
        return Losses({task.term: Loss(total, len(task.labels), hits)})
