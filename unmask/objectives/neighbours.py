"""Predicting the tokens beside each row: the next one (Radford et al. 2018), or the next and the
previous one (Peters et al. 2018).

Nothing is hidden: a model that predicts neighbours does not see them.

Shape suffixes: T tokens, M rows, P predicted tokens of each, N targets, V rows of the token table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.mlm import ROWS
from unmask.objectives.targets import Loss, Losses, Task


@dataclass(frozen=True, slots=True)
class NeighbourLM:
    """At every row, predict the neighbours that the head is for, within the row's own sequence.

    Special tokens are predicted like all others: behind a text its end is what comes next.

    Attributes:
        predicts: as in `LMHeadConfig`: (1,) for the next token, (1, -1) for the one before too.

    Raises:
        ConfigError: nothing is predicted, or a row's own token is, which the model sees.
    """

    predicts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.predicts or 0 in self.predicts:
            raise ConfigError(
                "without masks only neighbours can be predicted, such as (1,) for the next token, "
                f"not {self.predicts}; use MaskedLM for a row's own token"
            )

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is, and each row's neighbours; a row that has none is not asked.

        Args:
            draws, progress: not used, since nothing is drawn.
        """
        ids, bounds = batch.ids.numpy(), batch.boundaries.numpy()
        first, end = (np.repeat(side, batch.lengths)[:, None] for side in (bounds[:-1], bounds[1:]))
        wanted_TP = np.arange(len(ids))[:, None] + np.array(self.predicts)
        inside_TP = (wanted_TP >= first) & (wanted_TP < end)
        rows = np.flatnonzero(inside_TP.any(axis=1))
        return Task(
            batch=batch,
            rows=torch.from_numpy(rows),
            labels=torch.from_numpy(ids[wanted_TP[inside_TP]]),
            counts={},
            places=torch.from_numpy(np.flatnonzero(inside_TP[rows])),
        )

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy summed over all targets, in whichever direction."""
        # At least one block, so that a batch of single tokens is nothing special.
        extra = max(1, -(-len(task.rows) // ROWS)) * ROWS - len(task.rows)
        # A row at the end of a sequence has scores without a target. They get the weight 0, since
        # choosing the others would copy all scores.
        logits = model(task.batch, F.pad(task.rows, (0, extra))).flatten(0, -2)
        labels = task.labels.new_zeros(len(logits))
        weights = torch.zeros(len(logits), device=logits.device)
        assert task.places is not None
        labels[task.places] = task.labels
        weights[task.places] = 1.0
        total, hits = summed_cross_entropy(logits, labels, weights)
        return Losses({task.term: Loss(total, len(task.labels), hits)})
