"""Hidden tokens and next tokens by turns in one model."""

from __future__ import annotations

from dataclasses import replace

from unmask.evaluation.hybrid import HybridEvaluation
from unmask.objectives.hybrid import HybridLM
from unmask.objectives.mlm import MaskedLM
from unmask.train.loop import Evaluate
from unmask.verbs.learning.pieces import Figure, Given, Pieces, Said
from unmask.verbs.learning.settings import HybridSettings
from unmask.verbs.learning.tokens import MASKED, check_tokens, masked_lm, of_language_model
from unmask.verbs.pretrain_settings import PretrainSettings

HYBRID = Said(
    MASKED.task,
    MASKED.noun,
    "masked language modelling and predicting the next token by turns",
    (*MASKED.figures, Figure("causal_loss", "next-token loss on held-out text (nats)", "nats")),
    frozenset({"mask", "hybrid"}),
)


def check(settings: PretrainSettings) -> None:
    """Check the settings of both modes.

    Raises:
        ConfigError: a rate or share is out of its range.
    """
    check_tokens(settings.mask, "hybrid")
    _by_turns(settings.hybrid, MaskedLM.over(8, range(5), 4))


def hybrid(given: Given) -> Pieces:
    """A masked language model that also learns to predict the next token."""
    prepared, context = given.prepared, given.settings.model.context
    masked = masked_lm(given.settings.mask, prepared.tokenizer)
    objective = _by_turns(given.settings.hybrid, masked)

    def evaluate(most: int) -> Evaluate:
        return HybridEvaluation.over(
            prepared.tokenizer,
            lambda: (document.text for document in prepared.corpus.documents("held_out")),
            context=context,
            most_tokens=most,
        )

    return replace(of_language_model(given, lambda made: objective, HYBRID), evaluate=evaluate)


def _by_turns(shares: HybridSettings, masked: MaskedLM) -> HybridLM:
    final = shares.causal if shares.final_causal is None else shares.final_causal
    return HybridLM(masked, shares.causal, final)
