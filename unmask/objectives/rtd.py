"""Replaced-token detection (Clark et al. 2020, ELECTRA; He et al. 2021, DeBERTa-v3).

Some tokens are masked, a generator puts its own in their places, and a discriminator says of each
token whether it is the text's own. The generator learns as a masked language model does: nothing of
the discriminator's loss reaches it but through what the two have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.model import TokenClassifier
from unmask.heads.replaced import ReplacedTokens
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.mlm import ROWS, MaskedLM, cloze_of, padded_rows
from unmask.objectives.sampling import sample_rows
from unmask.objectives.targets import Loss, Losses, Task

SAMPLE = 4  # stream of Draws; 1 to 3 are those of masks
DISCRIMINATOR, GENERATOR = "discriminator", "generator"
Judged = Literal["all", "masked"]
REPLACED, ORIGINAL, FOUND = "replaced", "sampled_original", "found"


@dataclass(frozen=True, slots=True)
class ReplacedTask:
    """What both models are asked on one batch.

    Attributes:
        masked: the generator's task.
        uniform: `(M,)` float64 in [0, 1), what the token at each masked row is drawn by.
        judged: `(N,)` int64, the rows of which the discriminator speaks.
    """

    masked: Task
    uniform: torch.Tensor
    judged: torch.Tensor

    @property
    def batch(self) -> Batch:
        """The batch with masks, as the generator sees it."""
        return self.masked.batch

    @property
    def counts(self) -> dict[str, int]:
        """What was done to the tokens."""
        return self.masked.counts

    @property
    def targets(self) -> dict[str, int]:
        """The discriminator's first: it is the model that is kept, so its term is the main one."""
        return {DISCRIMINATOR: len(self.judged), **self.masked.targets}

    def to(self, device: torch.device) -> ReplacedTask:
        """The same task on another device."""
        return ReplacedTask(self.masked.to(device), self.uniform.to(device), self.judged.to(device))


def require_weight(weight: float) -> None:
    """Check the weight of the discriminator's loss.

    Raises:
        ConfigError: it is not above zero, or not finite.
    """
    if not 0.0 < weight < float("inf"):
        raise ConfigError(
            "the weight of the discriminator's loss, rtd.weight, must be above 0 and finite, not "
            f"{weight}; the paper's is 50. Without a discriminator there is --objective mlm"
        )


@dataclass(frozen=True)
class ReplacedTokenDetection:
    """The sum of the generator's loss and of `weight` times the discriminator's.

    Attributes:
        mlm: selects the tokens; all of them are masked.
        weight: of the discriminator's mean loss; 50 in the paper, since it is small beside one
            over a whole vocabulary.
        barred: ids that are never put into a text, special ones.
        judged: the tokens that the discriminator is asked of: all ordinary ones, or only those that
            were masked ("ELECTRA 15 %" of the paper's table 5, which shows what the others bring).

    Raises:
        ConfigError: the weight is not above zero.
    """

    mlm: MaskedLM
    weight: float
    barred: torch.Tensor
    judged: Judged = "all"

    def __post_init__(self) -> None:
        require_weight(self.weight)

    @classmethod
    def over(
        cls,
        vocab_size: int,
        special_ids: Iterable[int],
        mask_id: int,
        *,
        rates: Rates | None = None,
        weight: float = 50.0,
        judged: Judged = "all",
    ) -> ReplacedTokenDetection:
        """The objective for a vocabulary; the arguments and errors are those of `Masking.over`."""
        masking = Masking.over(
            vocab_size,
            special_ids,
            mask_id,
            rates=rates,
            split=Split(masked=1.0, random=0.0),
        )
        barred = torch.from_numpy(np.flatnonzero(~masking.is_ordinary))
        return cls(MaskedLM(masking), weight, barred, judged)

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> ReplacedTask:
        """Mask tokens of a batch, and draw the numbers by which others will take their places.

        All of it depends on (seed, epoch, sample, position) alone.
        """
        masked = replace(self.mlm.corrupt(batch, draws, progress), term=GENERATOR)
        assert batch.samples is not None
        rows = masked.rows.numpy()
        sample = np.repeat(batch.samples.numpy(), batch.lengths)[rows]
        uniform = draws.uniform(SAMPLE, sample, batch.positions.numpy()[rows])
        if self.judged == "masked":
            return ReplacedTask(masked, torch.from_numpy(uniform), masked.rows)
        judged = np.flatnonzero(self.mlm.masking.is_ordinary[batch.ids.numpy()])
        return ReplacedTask(masked, torch.from_numpy(uniform), torch.from_numpy(judged))

    def loss(self, model: ReplacedTokens, task: ReplacedTask) -> Losses:
        """Both terms, and how the generator's tokens fared.

        A token that is drawn as it was in the text counts as original, as in the paper.
        """
        masked, ids = task.masked, task.masked.batch.ids
        logits = model.generator(masked.batch, padded_rows(masked))
        generator = cloze_of(logits, masked)
        drawn = sample_rows(
            logits.detach()[: len(masked.rows), : len(self.mlm.masking.is_ordinary)],
            task.uniform,
            self.barred.to(ids.device),
        )
        other = drawn != masked.labels
        replaced = torch.zeros_like(ids, dtype=torch.bool).index_copy_(0, masked.rows, other)
        seen = replace(masked.batch, ids=ids.index_copy(0, masked.rows, drawn))
        wrong = replaced.index_select(0, task.judged)
        logits = judged_logits(model.discriminator, seen, task.judged)
        loss = F.binary_cross_entropy_with_logits(logits, wrong.float(), reduction="sum")
        called = logits > 0
        discriminator = Loss(loss, len(task.judged), (called == wrong).sum(), self.weight)
        counts = {
            REPLACED: other.sum(),
            ORIGINAL: (~other).sum(),
            FOUND: (called & wrong).sum(),
        }
        return Losses({DISCRIMINATOR: discriminator, GENERATOR: generator}, counts)


def judged_logits(model: TokenClassifier, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
    """Scores `(N,)` of a discriminator in float32 at the rows of a batch."""
    extra = max(1, -(-len(rows) // ROWS)) * ROWS - len(rows)
    hidden = model.encoder(batch).index_select(0, F.pad(rows, (0, extra)))
    logits: torch.Tensor = model.head(hidden)
    return logits.float().squeeze(1)[: len(rows)]
