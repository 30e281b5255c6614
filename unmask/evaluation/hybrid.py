"""Held-out figures of a model that learns with masks and from left to right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.neighbours_lm import NeighbourEvaluation
from unmask.heads.model import LanguageModel
from unmask.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class HybridEvaluation:
    """The fixed masked protocol, and the next tokens of the same texts read causally.

    Attributes:
        masked, causal: what is asked.
    """

    masked: MaskedEvaluation
    causal: NeighbourEvaluation

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Callable[[], Iterable[str]],
        *,
        context: int,
        most_tokens: int,
    ) -> HybridEvaluation:
        """Tasks over held-out texts; see `MaskedEvaluation.over`.

        Args:
            texts: gives the texts, from the first on each time.

        Raises:
            TextError: there is nothing to predict.
        """
        masked = MaskedEvaluation.over(tokenizer, texts(), context=context, most_tokens=most_tokens)
        plain = NeighbourEvaluation.over(
            tokenizer, texts(), predicts=(1,), context=context, most_tokens=most_tokens
        )
        tasks = (replace(task, batch=replace(task.batch, causal=True)) for task in plain.tasks)
        return cls(masked, replace(plain, tasks=tuple(tasks)))

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """The masked figures by their usual names, and `causal_loss` in nats."""
        return {**self.masked(model), "causal_loss": self.causal(model)["loss"]}
