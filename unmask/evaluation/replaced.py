"""Held-out replaced-token detection: both models under fixed masks and fixed draws.

The masks are those of `unmask.evaluation.masked`, so the generator's loss is the one that it would
have there. What the discriminator is shown depends on its generator: its figures are not to be
compared with those of a discriminator that had another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from unmask.evaluation.masked import RATE, hidden
from unmask.heads.replaced import ReplacedTokens
from unmask.objectives.masking import Rates
from unmask.objectives.rtd import (
    DISCRIMINATOR,
    FOUND,
    GENERATOR,
    ORIGINAL,
    REPLACED,
    Judged,
    ReplacedTask,
    ReplacedTokenDetection,
)
from unmask.tokens.tokenizer import Tokenizer
from unmask.train.terms import StepTerms


@dataclass(frozen=True)
class ReplacedEvaluation:
    """Held-out tasks, made once.

    Attributes:
        objective: what was asked.
        tasks: batches with masks, and the numbers by which tokens are drawn.
        tokens: tokens that are read.
        left_out: tokens of held-out text beyond the most that were wanted, not read.
    """

    objective: ReplacedTokenDetection
    tasks: tuple[ReplacedTask, ...]
    tokens: int
    left_out: int

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Iterable[str],
        *,
        context: int,
        judged: Judged = "all",
        most_tokens: int = 200_000,
    ) -> ReplacedEvaluation:
        """Tasks over held-out texts, which are split where they are longer than the context.

        Args:
            judged: the tokens that the discriminator is asked of, as in training.
            most_tokens: stop after so many tokens of text; what is left out is counted.

        Raises:
            TextError: there is nothing to predict.
        """
        objective = ReplacedTokenDetection.over(
            tokenizer.vocab_size,
            tokenizer.special_ids,
            tokenizer.mask_id,
            rates=Rates(rate=RATE),
            judged=judged,
        )
        tasks, left_out = hidden(
            objective, tokenizer, texts, context=context, most_tokens=most_tokens
        )
        return cls(objective, tasks, sum(t.batch.tokens for t in tasks), left_out)

    def __call__(self, model: ReplacedTokens) -> dict[str, float]:
        """Figures of both models, which must be in evaluation mode.

        Returns:
            Of the discriminator over the tokens that it is asked of "loss" in nats, "accuracy", and
            "base", the accuracy of always giving the commoner answer; "recall", the share of the
            replaced tokens that it found (0 where none was replaced); and "replaced", their share.
            Of the generator over the masked tokens "generator_loss" in nats, "generator_top1", and
            "put_back", the share of which the token that was drawn is the text's own.
        """
        device = model.generator.encoder.embedding.tokens.weight.device
        found = StepTerms.of(self.tasks)
        with torch.inference_mode():
            for task in self.tasks:
                found.add(self.objective.loss(model, task.to(device)))
        judged, filled = found.terms[DISCRIMINATOR], found.terms[GENERATOR]
        replaced = found.counts[REPLACED]
        return {
            "loss": judged.mean,
            "accuracy": judged.share,
            "base": max(replaced, judged.targets - replaced) / max(judged.targets, 1),
            "recall": found.counts[FOUND] / max(replaced, 1),
            "replaced": replaced / max(judged.targets, 1),
            "generator_loss": filled.mean,
            "generator_top1": filled.share,
            "put_back": found.counts[ORIGINAL] / max(filled.targets, 1),
        }
