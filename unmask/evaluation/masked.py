"""Held-out masked prediction under one fixed protocol, whatever a model was trained with.

15 % of the ordinary tokens are selected, all of them become the mask token, and the same ones for
every model and every time: they are a function of a fixed seed and of each sequence's number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unmask.batches.draws import Draws
from unmask.errors import TextError
from unmask.evaluation.held_out import SEED, HeldOutTasks, held_out_batches
from unmask.objectives.corrupt import Split
from unmask.objectives.mlm import MaskedLM
from unmask.tokens.tokenizer import Tokenizer

RATE = 0.15
BUDGET = 4096  # tokens of an evaluation batch


@dataclass(frozen=True)
class MaskedEvaluation(HeldOutTasks):
    """Batches with hidden tokens, and what they were."""

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Iterable[str],
        *,
        context: int,
        most_tokens: int = 200_000,
    ) -> MaskedEvaluation:
        """Tasks over held-out texts, which are split where they are longer than the context.

        Args:
            most_tokens: stop after so many tokens of text; what is left out is counted.

        Raises:
            TextError: there is nothing to predict.
        """
        batches, left_out = held_out_batches(
            tokenizer, texts, context=context, budget=BUDGET, most_tokens=most_tokens
        )
        objective = MaskedLM.over(
            tokenizer.vocab_size,
            tokenizer.special_ids,
            tokenizer.mask_id,
            rate=RATE,
            split=Split(masked=1.0, random=0.0),
        )
        draws = Draws(SEED, 0)
        tasks = tuple(objective.corrupt(batch, draws) for batch in batches.epoch(0))
        targets = sum(len(task.labels) for task in tasks)
        if not targets:
            raise TextError(
                f"evaluation selects {RATE:.0%} of the tokens, but of {len(batches.tokens)} "
                "held-out tokens it selected none; hold out more text"
            )
        return cls(tasks, sum(t.batch.tokens for t in tasks), targets, left_out)
