"""What a language model's own head says of text: a wrong tokenizer makes it sure and wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from unmask.batches.batch import Batch
from unmask.errors import TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.heads.model import LanguageModel, PretrainingModel
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient

CHECK = "masked tokens"
MOST_TOKENS = 4000
WORSE = 1.0  # nats above chance


def masked_tokens(patient: Patient) -> Iterator[Finding]:
    """The loss on masked tokens is not worse than that of guessing."""
    opened, tokenizer = patient.opened.value, patient.tokenizer.value
    if opened is None or tokenizer is None or tokenizer.roles.mask is None:
        return
    head = _Watched.of(opened.model)
    if head is None:
        return
    context, device = opened.model.encoder.config.context, _device(opened.model)
    try:
        tasks = MaskedEvaluation.over(
            tokenizer, patient.texts, context=context, most_tokens=MOST_TOKENS
        )
    except TextError as error:
        yield Finding(CHECK, "ok", f"not looked at: {error}")
        return
    figures = tasks.figures(head, device)
    chance, entropy = math.log(opened.config.vocab_size), head.entropy / tasks.targets
    loss = figures["loss"]
    told = (
        f"{tasks.targets:,} hidden tokens: loss {loss:.2f} nats, first guess right "
        f"{figures['top1']:.1%}; guessing at random gives {chance:.2f}"
    )
    sure = loss >= chance and loss - entropy > 2 * WORSE
    if loss <= chance + WORSE and not sure:
        untrained = "; as good as untrained on such text" if loss > chance - 0.5 else ""
        yield Finding(CHECK, "ok", told + untrained)
        return
    yield Finding(
        CHECK,
        "error" if loss > chance + WORSE else "warning",
        f"{told}, and the model is surer of itself than that ({entropy:.2f})",
        "A model that is sure and wrong reads other tokens than it was trained on, or its head "
        "is not its own.",
        "Take the tokenizer from the folder that the weights come from, and hold the head's "
        "weights against it.",
    )


@dataclass
class _Watched:
    """A head whose certainty is added up.

    Attributes:
        model: the model.
        entropy: of all predictions so far, in nats.
    """

    model: LanguageModel | PretrainingModel
    entropy: float = 0.0

    @classmethod
    def of(cls, model: object) -> _Watched | None:
        """None where a model does not predict hidden tokens themselves."""
        if isinstance(model, PretrainingModel):
            return cls(model) if model.head_config.tokens.predicts == (0,) else None
        if isinstance(model, LanguageModel):
            return cls(model) if model.head_config.predicts == (0,) else None
        return None

    def __call__(self, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        """Logits `(M, V)` at rows `(M,)`."""
        given = self.model(batch, rows)
        logits: torch.Tensor = given if isinstance(given, torch.Tensor) else given[0]
        logs = logits.float().log_softmax(1)
        self.entropy -= float((logs.exp() * logs).sum())
        return logits


def _device(model: LanguageModel | PretrainingModel) -> torch.device:
    return model.encoder.embedding.tokens.weight.device
