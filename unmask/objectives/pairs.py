"""Masked language modelling, and telling what a pair of texts is: whether the second follows the
first (Devlin et al. 2018), or whether they stand in order (Lan et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.heads.model import PretrainingModel
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.mlm import MaskedLM, cloze_of, padded_rows
from unmask.objectives.targets import Loss, Losses, Task

TERM = "pairs"


@dataclass(frozen=True, slots=True)
class PairTask:
    """Hidden tokens, and what each sequence is as a pair.

    Attributes:
        masked: the task of the tokens.
        labels: `(B,)` int64, of the pairs.
    """

    masked: Task
    labels: torch.Tensor

    @property
    def batch(self) -> Batch:
        """What the model sees."""
        return self.masked.batch

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done to the tokens, and how many pairs are changed ones."""
        return {**self.masked.counts, "changed_pairs": int(self.labels.sum())}

    @property
    def targets(self) -> Mapping[str, int]:
        """Tokens, and pairs."""
        return {**self.masked.targets, TERM: len(self.labels)}

    def to(self, device: torch.device) -> PairTask:
        """The same task on another device."""
        return replace(self, masked=self.masked.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class PairLM:
    """Cross-entropy of hidden tokens, and that of two classes for each pair.

    Attributes:
        masked: what hides the tokens.
        weight: of the pairs' mean in the whole loss, beside 1 for that of the tokens.
    """

    masked: MaskedLM
    weight: float = 1.0

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> PairTask:
        """Hide tokens of a batch of pairs, whose labels it brings along; see `MaskedLM`."""
        assert batch.labels is not None
        return PairTask(self.masked.corrupt(batch, draws, progress), batch.labels)

    def loss(self, model: PretrainingModel, task: PairTask) -> Losses:
        """Both terms, summed, from one pass of the encoder."""
        tokens, pairs = model(task.batch, padded_rows(task.masked))
        ones = torch.ones(len(task.labels), device=pairs.device)
        total, hits = summed_cross_entropy(pairs, task.labels, ones)
        return Losses(
            {
                task.masked.term: cloze_of(tokens, task.masked),
                TERM: Loss(total, len(task.labels), hits, self.weight),
            }
        )
