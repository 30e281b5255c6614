"""Masked language modelling (Devlin et al. 2018), with masks drawn anew in every epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.objectives.corrupt import Split, replace_selected
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.targets import Loss, Losses, Task

SELECTION = 1  # stream of Draws
ROWS = 64  # predicted rows are rounded up to a multiple of this; see unmask.nn.encoder.ROWS


@dataclass(frozen=True)
class MaskedLM:
    """Select tokens independently, each with the same probability; replace them, predict them.

    Attributes:
        rate: share of ordinary tokens that are selected when training begins, in (0, 1).
        final_rate: the same when it ends, approached in a straight line.
        split: what becomes of a selected token.
        mask_id: the mask token.
        ordinary: `(V - specials,)` the ids that may be selected and drawn as replacements.
        is_ordinary: `(V,)` the same as a table.
    """

    rate: float
    final_rate: float
    split: Split
    mask_id: int
    ordinary: npt.NDArray[np.int64]
    is_ordinary: npt.NDArray[np.bool_]

    @classmethod
    def over(
        cls,
        vocab_size: int,
        special_ids: Iterable[int],
        mask_id: int,
        *,
        rate: float = 0.15,
        final_rate: float | None = None,
        split: Split | None = None,
    ) -> MaskedLM:
        """The objective for a vocabulary. Special tokens, `[UNK]` among them, are never selected
        and never drawn.

        Raises:
            ConfigError: a rate outside (0, 1), or a vocabulary of special tokens only.
        """
        last = rate if final_rate is None else final_rate
        for share in (rate, last):
            if not 0.0 < share < 1.0:
                raise ConfigError(f"the masking rate must lie between 0 and 1, not be {share}")
        table = np.ones(vocab_size, dtype=np.bool_)
        table[[*special_ids, mask_id]] = False
        if not table.any():
            raise ConfigError(
                f"masking needs ordinary tokens, but all {vocab_size} of the vocabulary are special"
            )
        return cls(rate, last, split or Split(), mask_id, np.flatnonzero(table), table)

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """Hide tokens of a batch. What is hidden depends on (seed, epoch, sample, position).

        Args:
            progress: share of the run that is done, for the rate.
        """
        rate = self.rate + progress * (self.final_rate - self.rate)
        assert batch.samples is not None
        ids = batch.ids.numpy()
        coordinates = (np.repeat(batch.samples.numpy(), batch.lengths), batch.positions.numpy())
        selected = (draws.uniform(SELECTION, *coordinates) < rate) & self.is_ordinary[ids]
        changed, counts = replace_selected(
            ids,
            selected,
            self.split,
            mask_id=self.mask_id,
            ordinary=self.ordinary,
            draws=draws,
            coordinates=coordinates,
        )
        counts["ordinary"] = int(self.is_ordinary[ids].sum())
        rows = np.flatnonzero(selected)
        return Task(
            batch=replace(batch, ids=torch.from_numpy(changed)),
            rows=torch.from_numpy(rows),
            labels=torch.from_numpy(ids[rows]),
            counts=counts,
        )

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy at the selected rows, summed; nothing is projected elsewhere."""
        return Losses({task.term: cloze_loss(model, task)})


def cloze_loss(model: LanguageModel, task: Task) -> Loss:
    """Summed cross-entropy of a task's labels at its rows, and how many first guesses are right."""
    return cloze_of(model(task.batch, padded_rows(task)), task)


def padded_rows(task: Task) -> torch.Tensor:
    """The rows of a task, rounded up to whole blocks."""
    # At least one block, so that a batch of which nothing was selected is nothing special.
    return F.pad(task.rows, (0, max(1, -(-len(task.rows) // ROWS)) * ROWS - len(task.rows)))


def cloze_of(logits: torch.Tensor, task: Task) -> Loss:
    """The loss of a task from the logits `(M, V)` at its padded rows; see `cloze_loss`."""
    targets = len(task.rows)
    labels = F.pad(task.labels, (0, len(logits) - targets))
    weights = (torch.arange(len(logits), device=logits.device) < targets).float()
    total, hits = summed_cross_entropy(logits, labels, weights)
    return Loss(total, targets, hits)
