"""Held-out prediction of whole words under one fixed protocol, whatever a model was trained with.

15 % of the words are selected and all pieces of them become the mask token, the same ones for every
model and every time. A word is right only when all of its pieces are: pieces that are guessed from
the rest of a word, as they can be where tokens are masked one by one, count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from unmask.evaluation.masked import fixed_masking, hidden
from unmask.heads.model import LanguageModel
from unmask.objectives.targets import Task
from unmask.objectives.whole_word import WholeWordLM
from unmask.tokens.marks import Words
from unmask.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class WholeWordEvaluation:
    """Batches with hidden words, and what they were; made once.

    Attributes:
        tasks: batches as the model sees them, and the tokens that it is to predict.
        tokens: tokens that are read.
        targets: tokens that are to be predicted.
        words: words that they form.
        long_words: those of them that have several pieces.
        left_out: tokens of held-out text beyond the most that were wanted, not read.
    """

    tasks: tuple[Task, ...]
    tokens: int
    targets: int
    words: int
    long_words: int
    left_out: int

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Iterable[str],
        *,
        context: int,
        words: Words = "characters",
        most_tokens: int = 200_000,
    ) -> WholeWordEvaluation:
        """Tasks over held-out texts, which are split where they are longer than the context.

        Args:
            words: what a word is in scripts without spaces.
            most_tokens: stop after so many tokens of text; what is left out is counted.

        Raises:
            TextError: there is nothing to predict.
        """
        objective = WholeWordLM(fixed_masking(tokenizer))
        tasks, left_out = hidden(
            objective, tokenizer, texts, context=context, most_tokens=most_tokens, words=words
        )
        targets = sum(len(task.labels) for task in tasks)
        pieces = [torch.bincount(word_numbers(task)) for task in tasks]
        words_there = sum(len(one) for one in pieces)
        long_words = sum(int((one > 1).sum()) for one in pieces)
        tokens = sum(task.batch.tokens for task in tasks)
        return cls(tasks, tokens, targets, words_there, long_words, left_out)

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Mean `loss` of a token in nats, and `top1`, the share of words whose every first guess is
        right; `long_loss` and `long_top1` are those of words with several pieces, where there are.

        The model must be in evaluation mode.
        """
        device = model.encoder.embedding.tokens.weight.device
        loss = long_loss = 0.0
        right = long_right = long_pieces = 0
        with torch.inference_mode():
            for task in self.tasks:
                if not len(task.rows):
                    continue
                there = task.to(device)
                logits = model(there.batch, there.rows).float()
                scores = logits.gather(1, there.labels[:, None])
                nats = logits.logsumexp(1) - scores[:, 0]
                loss += float(nats.sum())
                # Ties count against the guess, and so does a score that is not a number.
                wrong = (~(logits < scores)).sum(1) != 1
                number = word_numbers(there)
                pieces = torch.bincount(number)
                faultless = torch.zeros_like(pieces).index_add_(0, number, wrong.long()) == 0
                right += int(faultless.sum())
                long_right += int((faultless & (pieces > 1)).sum())
                long_loss += float(nats[pieces[number] > 1].sum())
                long_pieces += int(pieces[pieces > 1].sum())
        found = {"loss": loss / self.targets, "top1": right / self.words}
        if self.long_words:
            found["long_loss"] = long_loss / long_pieces
            found["long_top1"] = long_right / self.long_words
        return found


def fresh_words(task: Task) -> torch.Tensor:
    """`(M,)` whether a predicted token is the first of its word."""
    assert task.batch.words is not None
    words = task.batch.words[task.rows]
    sequences = torch.searchsorted(task.batch.boundaries, task.rows, right=True)
    fresh = torch.ones_like(words, dtype=torch.bool)
    fresh[1:] = (words[1:] != words[:-1]) | (sequences[1:] != sequences[:-1])
    return fresh


def word_numbers(task: Task) -> torch.Tensor:
    """`(M,)` to which of the predicted words, counted from 0, a predicted token belongs."""
    return fresh_words(task).cumsum(0) - 1
