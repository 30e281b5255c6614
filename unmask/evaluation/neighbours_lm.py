"""Held-out prediction of neighbours, and the choice between that and masked prediction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unmask.batches.draws import Draws
from unmask.errors import TextError
from unmask.evaluation.held_out import SEED, HeldOutTasks, held_out_batches
from unmask.evaluation.masked import MaskedEvaluation
from unmask.objectives.neighbours import NeighbourLM
from unmask.tokens.tokenizer import Tokenizer

# Tokens of an evaluation batch: a quarter of a masked one's, since all rows are scored.
BUDGET = 1024


@dataclass(frozen=True)
class NeighbourEvaluation(HeldOutTasks):
    """Batches as they are, and each row's neighbours; figures are over both directions at once."""

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Iterable[str],
        *,
        predicts: tuple[int, ...],
        context: int,
        most_tokens: int = 200_000,
    ) -> NeighbourEvaluation:
        """Tasks over held-out texts, which are split where they are longer than the context.

        Args:
            predicts: as in `LMHeadConfig`.
            most_tokens: stop after so many tokens of text; what is left out is counted.

        Raises:
            TextError: there is nothing to predict.
        """
        batches, left_out = held_out_batches(
            tokenizer, texts, context=context, budget=BUDGET, most_tokens=most_tokens
        )
        objective, draws = NeighbourLM(predicts), Draws(SEED, 0)
        tasks = tuple(objective.corrupt(batch, draws) for batch in batches.epoch(0))
        targets = sum(len(task.labels) for task in tasks)
        if not targets:
            raise TextError(
                "evaluation predicts each token from those beside it, but no held-out text has "
                "more than one token; hold out more text"
            )
        return cls(tasks, sum(t.batch.tokens for t in tasks), targets, left_out)


def held_out_tasks(
    tokenizer: Tokenizer,
    texts: Iterable[str],
    *,
    predicts: tuple[int, ...],
    context: int,
    most_tokens: int,
) -> HeldOutTasks:
    """The evaluation of a model whose head predicts that: masked tokens, or neighbours.

    Raises:
        TextError: there is nothing to predict.
    """
    if predicts == (0,):
        return MaskedEvaluation.over(tokenizer, texts, context=context, most_tokens=most_tokens)
    return NeighbourEvaluation.over(
        tokenizer, texts, predicts=predicts, context=context, most_tokens=most_tokens
    )
