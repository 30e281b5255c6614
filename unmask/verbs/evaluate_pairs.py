"""A model that tells pairs of texts, on text that it has not seen: `unmask evaluate --task nsp`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.batches.pairs import PairKind
from unmask.checkpoint.folder import open_model
from unmask.checkpoint.formats import HOLDS, Described
from unmask.errors import ModelError
from unmask.evaluation.pairs import PairEvaluation
from unmask.heads.model import PretrainingModel
from unmask.text.sentences import Splitter, splitter
from unmask.verbs.evaluate_text import Texts
from unmask.verbs.watch import Watch

_TELLS = {
    "nsp": "pairs whose second text follows the first, or not",
    "sop": "pairs in order, or swapped",
}


@dataclass(frozen=True, slots=True)
class TextPairsEvaluation:
    """Masked tokens under the protocol of all masked models, and pairs with nothing hidden.

    Attributes:
        model: its folder.
        kind: of the pairs; half of them are changed ones.
        splitter: what the texts of a pair are made of.
        loss: mean over the masked tokens, in nats.
        top1, top5: share of them that the first guess, or one of the first five, got right.
        pairs: how many there were.
        pairs_accuracy: share that was told right.
        pairs_base: what always giving the commoner answer would get.
    """

    model: Path
    kind: PairKind
    splitter: Splitter
    loss: float
    top1: float
    top5: float
    pairs: int
    pairs_accuracy: float
    pairs_base: float

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            _TELLS[self.kind]: f"{self.pairs:,}, of {self.splitter}",
            "told right": f"{self.pairs_accuracy:.1%} (the commoner answer: {self.pairs_base:.1%})",
            "loss of masked tokens": f"{self.loss:.4f} nats",
            "first guess right": f"{self.top1:.1%}",
            "in five guesses": f"{self.top5:.1%}",
        }


@dataclass(frozen=True, slots=True)
class PairsOfText:
    """How to make pairs of text.

    Attributes:
        kind: of the pairs.
        splitter, language: what their texts are made of; see `unmask.text.sentences.splitter`.
        most_tokens: that are read, for tokens and for pairs.
    """

    kind: PairKind
    splitter: Splitter
    language: str
    most_tokens: int

    def measure(
        self, folder: Path, said: Described, texts: Texts, device: torch.device, watch: Watch
    ) -> TextPairsEvaluation:
        """Measure a model on text.

        Raises:
            ModelError: the model has no head for pairs.
            TextError: no pair can be made of it, or sentences cannot be found.
        """
        if not said.has("pretraining"):
            raise ModelError(
                f"{folder} holds {HOLDS[said.head]}, which has not learnt to tell pairs of texts; "
                f"train one with unmask pretrain --objective {self.kind}, or leave --task out"
            )
        cut = splitter(self.splitter, self.language)
        opened = open_model(folder, "pretraining", device=device)
        model = opened.model
        assert isinstance(model, PretrainingModel)
        with watch.stage("reading the text"):
            tasks = PairEvaluation.over(
                opened.tokenizer,
                texts,
                kind=self.kind,
                cut=cut,
                context=model.encoder.config.context,
                most_tokens=self.most_tokens,
            )
        with watch.stage("telling pairs and predicting masked tokens"):
            figures = tasks(model)
        pairs = sum(len(batch) for batch in tasks.pairs)
        return TextPairsEvaluation(folder, self.kind, self.splitter, pairs=pairs, **figures)
