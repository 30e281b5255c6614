"""Learning labels of words: the first token of a word is where its label is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.objectives.supervised import even_weights, label_loss, numbered
from unmask.objectives.targets import Losses, Task

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenLabels:
    """Cross-entropy of the labels of some tokens of each sequence.

    Attributes:
        starts: `(N + 1,)` int64, where the labels of each sample begin among all.
        places: `(M,)` int64, the token of its sample that each label belongs to.
        labels: `(M,)` int64, their numbers.
        weights: `(C,)` float32 by label, or None where all labels weigh the same.
        smoothing: share of each target that is spread evenly over all labels.
    """

    starts: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor | None = None
    smoothing: float = 0.0

    @classmethod
    def of(
        cls,
        places: Sequence[I64],
        labels: Sequence[Sequence[str]],
        names: Sequence[str],
        *,
        balanced: bool = False,
        smoothing: float = 0.0,
    ) -> TokenLabels:
        """The objective for labels given by name.

        Args:
            places: for each of N samples the tokens that have a label, special tokens counted.
            labels: the labels of these, as many.
            names: the C names, in the order of the model's outputs.
            balanced: whether all labels that occur weigh the same together, however many words
                each has; else each word weighs the same.
            smoothing: of the targets, at least 0 and below 1.

        Raises:
            DataError: a label is none of the names.
        """
        sizes = np.array([0, *map(len, places)], dtype=np.int64)
        numbers = numbered([label for some in labels for label in some], names)
        return cls(
            torch.from_numpy(np.cumsum(sizes)),
            torch.from_numpy(np.concatenate(places).astype(np.int64)),
            numbers,
            even_weights(numbers, len(names)) if balanced else None,
            smoothing,
        )

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is, with the labels of its samples; `rows` are the tokens that have one.

        `batch.samples` are numbers of samples.
        """
        assert batch.samples is not None
        first, end = self.starts[batch.samples], self.starts[batch.samples + 1]
        sizes = end - first
        total = int(sizes.sum())
        # The labels of the first sample, then those of the second, and so on.
        shift = torch.repeat_interleave(first - (sizes.cumsum(0) - sizes), sizes)
        chosen = torch.arange(total) + shift
        rows = self.places[chosen] + torch.repeat_interleave(batch.boundaries[:-1], sizes)
        return Task(batch, rows, self.labels[chosen], {}, term="words")

    def loss(self, model: nn.Module, task: Task) -> Losses:
        """Summed cross-entropy, and how many labels were scored highest.

        Args:
            model: a batch to `(T, C)` logits.
        """
        logits = model(task.batch).index_select(0, task.rows)
        loss = label_loss(logits, task.labels, self.weights, self.smoothing)
        return Losses({task.term: loss})
