"""Masked language modelling (Devlin et al. 2018): tokens are hidden one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.heads.model import LanguageModel
from unmask.objectives.corrupt import Split
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.targets import Loss, Losses, Task

SELECTION = 1  # stream of Draws
ROWS = 64  # predicted rows are rounded up to a multiple of this; see unmask.nn.encoder.ROWS


@dataclass(frozen=True)
class MaskedLM:
    """Select tokens independently, each with the same probability; replace them, predict them.

    Attributes:
        masking: how much is hidden, and of which vocabulary.
    """

    masking: Masking

    @classmethod
    def over(
        cls,
        vocab_size: int,
        special_ids: Iterable[int],
        mask_id: int,
        *,
        rates: Rates | None = None,
        split: Split | None = None,
    ) -> MaskedLM:
        """The objective for a vocabulary, see `Masking.over`.

        Raises:
            ConfigError: a vocabulary of special tokens only.
        """
        return cls(Masking.over(vocab_size, special_ids, mask_id, rates=rates, split=split))

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """Hide tokens of a batch. What is hidden depends on (seed, epoch, sample, position).

        Args:
            progress: share of the run that is done, for the rate.
        """
        assert batch.samples is not None
        draws = self.masking.rates.draws(draws)
        samples = np.repeat(batch.samples.numpy(), batch.lengths)
        drawn = draws.uniform(SELECTION, samples, batch.positions.numpy())
        free = self.masking.is_ordinary[batch.ids.numpy()]
        return self.masking.task(batch, drawn, free, draws=draws, progress=progress)

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy at the asked rows, summed; nothing is projected elsewhere."""
        return Losses({task.term: cloze_loss(model, task)})


def cloze_loss(model: LanguageModel, task: Task) -> Loss:
    """Summed cross-entropy of a task's labels at its rows, and how many first guesses are right."""
    return cloze_of(model(task.batch, padded_rows(task)), task)


def padded_rows(task: Task) -> torch.Tensor:
    """The rows of a task, rounded up to whole blocks."""
    return padded(task.rows)


def padded(rows: torch.Tensor) -> torch.Tensor:
    """Rows `(..., M)`, or what belongs to them, rounded up to whole blocks."""
    count = rows.shape[-1]
    # At least one block, so that a batch of which nothing was selected is nothing special.
    return F.pad(rows, (0, max(1, -(-count // ROWS)) * ROWS - count))


def cloze_of(logits: torch.Tensor, task: Task) -> Loss:
    """The loss of a task from the logits `(M, V)` at its padded rows; see `cloze_loss`."""
    targets = len(task.rows)
    labels = F.pad(task.labels, (0, len(logits) - targets))
    weights = (torch.arange(len(logits), device=logits.device) < targets).float()
    total, hits = summed_cross_entropy(logits, labels, weights)
    return Loss(total, targets, hits)
