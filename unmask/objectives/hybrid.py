"""Masked and causal language modelling by turns in one model (Charpentier and Samuel 2024).

In a masked update tokens are hidden and predicted where they stand, and every token sees both
sides. In a causal one nothing is hidden, every token sees only what stands before it, and the next
token is predicted. Encoder and head are the same.

GPT-BERT, the paper's model, predicts a hidden token at the row before it, so that both modes ask
the head for the next token. Here a masked row predicts its own token: the finished model then is a
masked language model like any other, which `unmask fill` and `transformers` open as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.neighbours import NeighbourLM
from unmask.objectives.targets import Losses, Task

MODE = 21  # stream of Draws
NEXT = NeighbourLM((1,))


@dataclass(frozen=True, slots=True)
class HybridLM:
    """Each update is causal or masked as a whole, by a draw from (seed, step).

    Not each batch: an update that is split into several batches then stays what it was, and never
    adds a mean over all tokens to one over the hidden ones.

    Attributes:
        masked: what a masked update asks for.
        causal, final_causal: share of updates that are causal when training begins and when it
            ends; a straight line between.

    Raises:
        ConfigError: a share is outside [0, 1].
    """

    masked: MaskedLM
    causal: float
    final_causal: float

    def __post_init__(self) -> None:
        for name, share in (("causal", self.causal), ("final_causal", self.final_causal)):
            if not 0.0 <= share <= 1.0:
                raise ConfigError(
                    f"the share of causal updates, hybrid.{name}, must lie between 0 and 1, not be "
                    f"{share}; give hybrid.{name}=0.5 for half of them"
                )

    def is_causal(self, draws: Draws, progress: float) -> bool:
        """Whether the update at this share of the run is a causal one."""
        share = self.causal + progress * (self.final_causal - self.causal)
        # The step, whatever the number of steps: shares of two steps differ. The epoch is left
        # out, since the batches of one update may lie on both sides of its end.
        step = np.array([round(progress * 2**52)])
        return bool(Draws(draws.seed, 0).uniform(MODE, step)[0] < share)

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch with hidden tokens, or the same batch read from left to right.

        Args:
            progress: share of the run that is done; all batches of an update have the same.
        """
        if not self.is_causal(draws, progress):
            return self.masked.corrupt(batch, draws, progress)
        return causal_task(batch, draws)

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy at the rows that are asked, summed."""
        return (NEXT if task.batch.causal else self.masked).loss(model, task)


def causal_task(batch: Batch, draws: Draws) -> Task:
    """Every next token of a batch in which no token sees those behind it."""
    task = NEXT.corrupt(replace(batch, causal=True), draws)
    return replace(task, counts={"causal": batch.tokens})
