"""Held-out masked prediction under one fixed protocol, whatever a model was trained with.

15 % of the ordinary tokens are selected, all of them become the mask token, and the same ones for
every model and every time: they are a function of a fixed seed and of each sequence's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from unmask.batches.draws import Draws
from unmask.batches.loader import PretrainingBatches
from unmask.errors import TextError
from unmask.heads.model import LanguageModel
from unmask.objectives.corrupt import Split
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.targets import Task
from unmask.tokens.tokenizer import Tokenizer

SEED = 20181011  # any fixed number will do; this one is the date of the BERT preprint
RATE = 0.15
BUDGET = 4096  # tokens of an evaluation batch


@dataclass(frozen=True)
class MaskedEvaluation:
    """Held-out tasks, made once.

    Attributes:
        tasks: batches with hidden tokens, and what they were.
        tokens: tokens that are read.
        targets: tokens that are to be predicted.
        left_out: tokens of held-out text beyond `most_tokens`, not read.
    """

    tasks: tuple[Task, ...]
    tokens: int
    targets: int
    left_out: int

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
        rows, left_out = _first(tokenizer.ids_stream(texts), most_tokens)
        ends = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
        tokens = np.concatenate([np.zeros(0, np.uint32), *(np.asarray(r, np.uint32) for r in rows)])
        if not len(tokens):
            raise TextError("evaluation needs text, but the held-out texts hold no token")
        batches = PretrainingBatches.over(
            tokens,
            ends,
            prefix=tokenizer.layout.prefix,
            suffix=tokenizer.layout.suffix,
            context=context,
            budget=max(BUDGET, context),
            seed=SEED,
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
                f"evaluation selects {RATE:.0%} of the tokens, but of {len(tokens)} held-out "
                "tokens it selected none; hold out more text"
            )
        return cls(tasks, sum(t.batch.tokens for t in tasks), targets, left_out)

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Mean loss in nats, and the shares of targets in the model's first guess and first five.

        The model must be in evaluation mode. Memory does not grow with the number of targets.
        """
        device = model.encoder.embedding.tokens.weight.device
        loss = top1 = top5 = 0.0
        with torch.inference_mode():
            for task in self.tasks:
                if not len(task.rows):
                    continue
                there = task.to(device)
                logits = model(there.batch, there.rows).float()
                right = logits.gather(1, there.labels[:, None])
                loss += float((logits.logsumexp(1) - right[:, 0]).sum())
                # Ties count against the guess, and so does a score that is not a number.
                above = (~(logits < right)).sum(1) - 1
                top1 += int((above == 0).sum())
                top5 += int((above < 5).sum())
        return {
            "loss": loss / self.targets,
            "top1": top1 / self.targets,
            "top5": top5 / self.targets,
        }


def _first(rows: Iterator[list[int]], most: int) -> tuple[list[list[int]], int]:
    """Documents up to `most` tokens, at least one; and the tokens of the others."""
    kept: list[list[int]] = []
    read = left_out = 0
    for row in rows:
        if kept and read + len(row) > most:
            left_out += len(row)
        else:
            kept.append(row)
            read += len(row)
    return kept, left_out
