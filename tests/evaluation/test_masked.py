"""The held-out protocol: fixed, complete, and right where the right answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.errors import TextError
from unmask.evaluation.masked import RATE, MaskedEvaluation
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = [f"word{i} follows word{i + 1} and then some more words come" for i in range(200)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, vocab_size=300)


class Oracle(nn.Module):
    """Knows the answers; gives the right token the second-highest score in every third row."""

    def __init__(self, evaluation: MaskedEvaluation, vocab: int) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.embedding = nn.Module()
        self.encoder.embedding.tokens = nn.Embedding(vocab, 1)
        self.answers = {id(task.batch.ids): task.labels for task in evaluation.tasks}
        self.tasks = list(evaluation.tasks)
        self.vocab = vocab

    def forward(self, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        labels = next(t.labels for t in self.tasks if torch.equal(t.batch.ids, batch.ids))
        logits = torch.zeros(len(rows), self.vocab)
        logits[torch.arange(len(rows)), labels] = 5.0
        second = torch.arange(len(rows)) % 3 == 0
        logits[second, (labels[second] + 1) % self.vocab] = 6.0
        return logits


def test_figures_of_an_oracle(tokenizer: Tokenizer) -> None:
    evaluation = MaskedEvaluation.over(tokenizer, TEXTS, context=32)
    figures = evaluation(Oracle(evaluation, tokenizer.vocab_size))  # type: ignore[arg-type]
    wrong = sum(-(-len(task.labels) // 3) for task in evaluation.tasks)
    assert figures["top1"] == pytest.approx(1 - wrong / evaluation.targets)
    assert figures["top5"] == 1.0
    others = tokenizer.vocab_size - 1
    right = torch.log(torch.tensor(1 + others * torch.e**-5.0))
    assert figures["loss"] > float(right)


def test_all_selected_tokens_are_masked_and_no_special_one(tokenizer: Tokenizer) -> None:
    evaluation = MaskedEvaluation.over(tokenizer, TEXTS, context=32)
    for task in evaluation.tasks:
        assert (task.batch.ids[task.rows] == tokenizer.mask_id).all()
        assert not set(task.labels.tolist()) & tokenizer.special_ids
    ordinary = sum(task.counts["ordinary"] for task in evaluation.tasks)
    spread = 4 * (RATE * (1 - RATE) / ordinary) ** 0.5
    assert abs(evaluation.targets / ordinary - RATE) < spread


def test_the_same_tokens_every_time(tokenizer: Tokenizer) -> None:
    one = MaskedEvaluation.over(tokenizer, TEXTS, context=32)
    two = MaskedEvaluation.over(tokenizer, iter(TEXTS), context=32)
    for a, b in zip(one.tasks, two.tasks, strict=True):
        assert torch.equal(a.batch.ids, b.batch.ids)
        assert torch.equal(a.rows, b.rows)


def test_what_is_left_out_is_counted(tokenizer: Tokenizer) -> None:
    whole = MaskedEvaluation.over(tokenizer, TEXTS, context=32)
    part = MaskedEvaluation.over(tokenizer, TEXTS, context=32, most_tokens=500)
    text_tokens = sum(len(tokenizer.encode(text)) for text in TEXTS)
    assert whole.left_out == 0
    assert part.left_out >= text_tokens - 500
    assert part.tokens < whole.tokens


def test_nothing_to_predict_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="no token"):
        MaskedEvaluation.over(tokenizer, [""], context=32)
