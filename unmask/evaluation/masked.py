"""Held-out masked prediction under one fixed protocol, whatever a model was trained with.

15 % of the ordinary tokens are selected, all of them become the mask token, and the same ones for
every model and every time: they are a function of a fixed seed and of each sequence's number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import TextError
from unmask.evaluation.held_out import SEED, HeldOutTasks, held_out_batches
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.targets import Asked
from unmask.tokens.marks import Words
from unmask.tokens.tokenizer import Tokenizer

RATE = 0.15
BUDGET = 4096  # tokens of an evaluation batch

T_co = TypeVar("T_co", bound=Asked, covariant=True)
T = TypeVar("T", bound=Asked)


class Corrupts(Protocol[T_co]):
    """An objective that hides some of a batch."""

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> T_co:
        """The batch as a model sees it, and what it is asked."""


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
        objective = MaskedLM(fixed_masking(tokenizer))
        tasks, left_out = hidden(
            objective, tokenizer, texts, context=context, most_tokens=most_tokens
        )
        targets = sum(len(task.labels) for task in tasks)
        return cls(tasks, sum(t.batch.tokens for t in tasks), targets, left_out)


def fixed_masking(tokenizer: Tokenizer) -> Masking:
    """15 % of the ordinary tokens, all masked."""
    return Masking.over(
        tokenizer.vocab_size,
        tokenizer.special_ids,
        tokenizer.mask_id,
        rates=Rates(rate=RATE),
        split=Split(masked=1.0, random=0.0),
    )


def hidden(
    objective: Corrupts[T],
    tokenizer: Tokenizer,
    texts: Iterable[str],
    *,
    context: int,
    most_tokens: int,
    words: Words | None = None,
) -> tuple[tuple[T, ...], int]:
    """What an objective asks of held-out texts, the same every time.

    Args:
        most_tokens: stop after so many tokens of text.
        words: how words are told, where the objective hides words.

    Returns:
        The tasks, and the tokens of text that were left out.

    Raises:
        TextError: there is nothing to predict.
    """
    batches, left_out = held_out_batches(
        tokenizer, texts, context=context, budget=BUDGET, most_tokens=most_tokens, words=words
    )
    draws = Draws(SEED, 0)
    tasks = tuple(objective.corrupt(batch, draws) for batch in batches.epoch(0))
    if not any(task.counts["selected"] for task in tasks):
        raise TextError(
            f"evaluation selects {RATE:.0%} of the {'tokens' if words is None else 'words'}, but "
            f"of {len(batches.tokens)} held-out tokens it selected none; hold out more text"
        )
    return tasks, left_out
