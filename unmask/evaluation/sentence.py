"""Held-out figures of vectors of texts, without labels and under one fixed protocol.

Each held-out text is read three times: as it is, and twice with 10 % of the hidden units dropped,
whatever a model was trained with. The texts are put into sets of 64, and what is dropped and which
texts share a set are functions of a fixed seed.

Shape suffixes: N texts, D width, S sets, G texts of a set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import unpack
from unmask.errors import TextError
from unmask.evaluation.held_out import SEED, held_out_batches
from unmask.evaluation.masked import BUDGET
from unmask.heads.sentence import SentenceEncoder
from unmask.objectives.simcse import contrast, numbered
from unmask.tokens.tokenizer import Tokenizer

SET = 64
DROPOUT, TEMPERATURE = 0.1, 0.05  # the paper's
SETS = 31  # stream of Draws


@dataclass(frozen=True)
class SentenceEvaluation:
    """Held-out texts, made ready once.

    Attributes:
        batches: the texts.
        order: `(N,)` int64, the place in the batches of each text, set by set.
        texts: `(N,)` int64, a number for each text in that order, the same for equal ones.
        size: texts of a set.
        left_out: tokens of held-out text beyond the most that were wanted, not read.
    """

    batches: tuple[Batch, ...]
    order: torch.Tensor
    texts: torch.Tensor
    size: int
    left_out: int

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Iterable[str],
        *,
        context: int,
        most_tokens: int = 200_000,
    ) -> SentenceEvaluation:
        """Held-out texts, which are split where they are longer than the context.

        Texts that fill no set are left out, unless there is no other set.

        Args:
            most_tokens: stop after so many tokens of text; what is left out is counted.

        Raises:
            TextError: there are fewer than two different texts.
        """
        source, left_out = held_out_batches(
            tokenizer, texts, context=context, budget=BUDGET, most_tokens=most_tokens
        )
        batches = tuple(source.epoch(0))
        numbers = numbered([row for batch in batches for row in unpack(batch)])
        size = min(SET, len(numbers))
        order = Draws(SEED, 0).permutation(len(numbers), SETS)[: len(numbers) // size * size]
        if len(set(numbers[order].tolist())) < 2:
            raise TextError(
                "vectors of texts are measured by telling texts apart, but the held-out text is "
                "one; hold out more with --set text.held_out=0.2, or say what a text is with "
                "--document line"
            )
        return cls(
            batches, torch.from_numpy(order), torch.from_numpy(numbers[order]), size, left_out
        )

    def __call__(self, model: SentenceEncoder) -> dict[str, float]:
        """Figures of a model in evaluation mode, which is left as it was.

        Returns:
            "loss" in nats and "accuracy" of finding a text's second reading among those of its set,
            by a cosine divided by 0.05; "base", the accuracy of guessing. "alignment", the mean
            squared distance of the two readings' vectors of length 1, and "uniformity", the
            logarithm of the mean of exp(-2 d^2) over distances d of two different texts of a set,
            read as they are (Wang and Isola 2020; less is better in both). The paper's alignment is
            that of two texts which mean the same: without labels it is only known of one text.
        """
        plain_SGD, first_SGD, second_SGD = self._vectors(model)
        texts_SG = self.texts.view(-1, self.size)
        loss = hits = near = 0.0
        pairs = 0
        for first, second, plain, texts in zip(
            first_SGD, second_SGD, plain_SGD, texts_SG, strict=True
        ):
            total, right = contrast(first @ second.T, texts, TEMPERATURE)
            others = texts[:, None] != texts
            squared = (2.0 - 2.0 * plain @ plain.T)[others]
            loss, hits = loss + float(total), hits + int(right)
            near, pairs = near + float((-2.0 * squared).exp().sum()), pairs + len(squared)
        count = len(self.texts)
        return {
            "loss": loss / count,
            "accuracy": hits / count,
            "base": 1.0 / self.size,
            "alignment": float((first_SGD - second_SGD).square().sum(-1).mean()),
            "uniformity": float(np.log(near / pairs)),
        }

    def _vectors(self, model: SentenceEncoder) -> list[torch.Tensor]:
        """`(S, G, D)` of length 1, on the CPU: as they are, and of two readings with dropout."""
        encoder, share = model.encoder, model.dropout
        device, training = encoder.embedding.tokens.weight.device, encoder.training
        found: list[torch.Tensor] = []
        # What training draws is left as it is.
        forked = [device] if device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=forked):
            torch.manual_seed(SEED)
            try:
                model.drop(DROPOUT)
                for dropping in (False, True, True):
                    encoder.train(dropping)
                    read = [model(batch.to(device)).float().cpu() for batch in self.batches]
                    rows = F.normalize(torch.cat(read)[self.order], dim=1)
                    found.append(rows.view(-1, self.size, rows.shape[1]))
            finally:
                model.drop(share)
                encoder.train(training)
        return found
