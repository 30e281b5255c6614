"""What evaluations of language models share: the text they read, and the figures they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.batches.loader import PretrainingBatches
from unmask.errors import TextError
from unmask.heads.model import LanguageModel
from unmask.objectives.targets import Task
from unmask.tokens.marks import Words, words_stream
from unmask.tokens.tokenizer import Tokenizer

Scores = Callable[[Batch, torch.Tensor], torch.Tensor]
SEED = 20181011  # any fixed number will do; this one is the date of the BERT preprint


@dataclass(frozen=True)
class HeldOutTasks:
    """Held-out tasks, made once.

    Attributes:
        tasks: batches as the model sees them, and what it is to predict.
        tokens: tokens that are read.
        targets: tokens that are to be predicted.
        left_out: tokens of held-out text beyond the most that were wanted, not read.
    """

    tasks: tuple[Task, ...]
    tokens: int
    targets: int
    left_out: int

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Mean loss in nats, and the shares of targets in the model's first guess and first five.

        The model must be in evaluation mode. Memory does not grow with the number of targets.
        """
        return self.figures(model, model.encoder.embedding.tokens.weight.device)

    def figures(self, scores: Scores, device: torch.device) -> dict[str, float]:
        """The same of anything that gives logits at rows of a batch."""
        loss = top1 = top5 = 0.0
        with torch.inference_mode():
            for task in self.tasks:
                if not len(task.rows):
                    continue
                there = task.to(device)
                logits = scores(there.batch, there.rows).float()
                if there.places is not None:
                    logits = logits.flatten(0, -2).index_select(0, there.places)
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


def held_out_batches(
    tokenizer: Tokenizer,
    texts: Iterable[str],
    *,
    context: int,
    budget: int,
    most_tokens: int,
    words: Words | None = None,
) -> tuple[PretrainingBatches, int]:
    """Batches of held-out texts, which are split where they are longer than the context.

    Args:
        budget: most tokens of a batch, unless the context is longer.
        most_tokens: stop after so many tokens of text.
        words: how words are told, where batches are to tell them.

    Returns:
        The batches, and the tokens that were left out.

    Raises:
        TextError: the texts hold no token.
    """
    read = (
        ((ids, b"") for ids in tokenizer.ids_stream(texts))
        if words is None
        else words_stream(tokenizer, texts, words)
    )
    rows, left_out = _first(read, most_tokens)
    ends = np.cumsum([0, *(len(ids) for ids, _ in rows)], dtype=np.int64)
    tokens = np.concatenate([np.zeros(0, np.uint32), *(np.asarray(i, np.uint32) for i, _ in rows)])
    if not len(tokens):
        raise TextError("evaluation needs text, but the held-out texts hold no token")
    batches = PretrainingBatches.over(
        tokens,
        ends,
        prefix=tokenizer.layout.prefix,
        suffix=tokenizer.layout.suffix,
        context=context,
        budget=max(budget, context),
        seed=SEED,
        begins=None if words is None else np.frombuffer(b"".join(b for _, b in rows), np.uint8),
    )
    return batches, left_out


Row = tuple[Sequence[int], bytes]
"""A document's ids, and where its words begin if that is wanted."""


def _first(rows: Iterator[Row], most: int) -> tuple[list[Row], int]:
    """Documents up to `most` tokens, at least one; and the tokens of the others."""
    kept: list[Row] = []
    read = left_out = 0
    for row in rows:
        if kept and read + len(row[0]) > most:
            left_out += len(row[0])
        else:
            kept.append(row)
            read += len(row[0])
    return kept, left_out
