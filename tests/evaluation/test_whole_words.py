"""The protocol of whole words: a word is right only when all of its pieces are."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.errors import TextError
from unmask.evaluation.whole_words import WholeWordEvaluation
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = [f"word{i} follows word{i + 1}, and then unusually long words come" for i in range(200)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    # Few merges, so that most words have several pieces.
    return train(TEXTS, kind="bpe", vocab_size=270)


class Knows(nn.Module):
    """Knows all answers but those whose row, counted within the task, is in `wrong`."""

    def __init__(self, evaluation: WholeWordEvaluation, vocab: int, wrong: set[int]) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.embedding = nn.Module()
        self.encoder.embedding.tokens = nn.Embedding(vocab, 1)
        self.tasks, self.vocab, self.wrong = evaluation.tasks, vocab, wrong

    def forward(self, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        labels = next(t.labels for t in self.tasks if torch.equal(t.batch.ids, batch.ids))
        logits = torch.zeros(len(rows), self.vocab)
        logits[torch.arange(len(rows)), labels] = 5.0
        for row in self.wrong & set(range(len(rows))):
            logits[row, (labels[row] + 1) % self.vocab] = 6.0
        return logits


def words_by_row(evaluation: WholeWordEvaluation) -> list[list[tuple[int, int]]]:
    """Of each task's rows the (sequence, word), found one by one."""
    found = []
    for task in evaluation.tasks:
        assert task.batch.words is not None
        bounds = task.batch.boundaries.tolist()
        found.append(
            [
                (max(n for n, b in enumerate(bounds) if b <= row), int(task.batch.words[row]))
                for row in task.rows.tolist()
            ]
        )
    return found


@pytest.mark.parametrize("wrong", [set(), {0}, {1, 2, 7}, set(range(0, 10_000, 3))])
def test_a_word_is_right_when_all_its_pieces_are(tokenizer: Tokenizer, wrong: set[int]) -> None:
    evaluation = WholeWordEvaluation.over(tokenizer, TEXTS, context=64)
    figures = evaluation(Knows(evaluation, tokenizer.vocab_size, wrong))  # type: ignore[arg-type]
    of_rows = words_by_row(evaluation)
    whole = sum(len(set(words)) for words in of_rows)
    missed = sum(len({w for n, w in enumerate(words) if n in wrong}) for words in of_rows)
    assert evaluation.words == whole
    assert max(Counter(of_rows[0]).values()) > 3
    assert figures["top1"] == pytest.approx(1 - missed / whole)
    long = right = 0
    for words in of_rows:
        for word, pieces in Counter(words).items():
            long += pieces > 1
            right += pieces > 1 and not any(
                one == word and n in wrong for n, one in enumerate(words)
            )
    assert 0 < evaluation.long_words == long < whole
    assert figures["long_top1"] == pytest.approx(right / long)
    floor = float(torch.log(1 + (tokenizer.vocab_size - 1) * torch.tensor(-5.0).exp()))
    if not wrong:
        assert figures["long_loss"] == pytest.approx(floor, rel=1e-4)
    assert (
        figures["loss"] == pytest.approx(floor, rel=1e-4) if not wrong else figures["loss"] > floor
    )


def test_all_pieces_of_selected_words_are_masked_every_time_the_same(tokenizer: Tokenizer) -> None:
    one, two = (WholeWordEvaluation.over(tokenizer, TEXTS, context=64) for _ in range(2))
    for task, again in zip(one.tasks, two.tasks, strict=True):
        assert torch.equal(task.batch.ids, again.batch.ids)
        masked = task.batch.ids == tokenizer.mask_id
        assert masked.nonzero()[:, 0].tolist() == task.rows.tolist()


def test_nothing_to_predict_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="no token"):
        WholeWordEvaluation.over(tokenizer, [""], context=32)
