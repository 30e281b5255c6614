"""Masked language modelling by whole words: all pieces of a word are hidden, or none.

Source: the models with whole word masking that BERT's authors published in May 2019
(github.com/google-research/bert, README). The rate and what becomes of a selected token stay as
they were; a piece can no longer be guessed from the rest of its word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.heads.model import LanguageModel
from unmask.objectives.masking import Masking
from unmask.objectives.mlm import SELECTION, cloze_loss
from unmask.objectives.targets import Losses, Task
from unmask.objectives.units import Units


@dataclass(frozen=True)
class WholeWordLM:
    """Select words independently, each with the same probability; replace and predict their tokens.

    A word's number is drawn at its first position, so that a word of one token is selected just
    when `MaskedLM` selects that token. Long words are selected as often as short ones: so the rate
    is the expected share of tokens too, whatever the lengths.

    Attributes:
        masking: how much is hidden, and of which vocabulary.
    """

    masking: Masking

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """Hide words of a batch. What is hidden depends on (seed, epoch, sample, position).

        Args:
            progress: share of the run that is done, for the rate.

        Raises:
            ConfigError: the batch does not tell its words.
        """
        units = Units.of(batch, self.masking.is_ordinary)
        draws = self.masking.rates.draws(draws)
        drawn = draws.uniform(SELECTION, units.samples, units.places)
        return self.masking.task(
            batch,
            np.repeat(drawn, units.sizes),
            np.repeat(units.open, units.sizes),
            draws=draws,
            progress=progress,
        )

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy at the asked rows, summed; nothing is projected elsewhere."""
        return Losses({task.term: cloze_loss(model, task)})
