"""The held-out protocol of vectors of texts, computed again pair by pair."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from tests.conftest import sentences
from tests.objectives.test_simcse import model_of, textbook
from unmask.batches.batch import Batch
from unmask.batches.pack import unpack
from unmask.errors import TextError
from unmask.evaluation.sentence import SentenceEvaluation
from unmask.heads.sentence import SentenceEncoder
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = sentences()[:150]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(sentences(), vocab_size=60, min_frequency=1)


class Recorded(SentenceEncoder):
    """Remembers the vectors that it gave."""

    given: list[torch.Tensor]

    def forward(self, batch: Batch) -> torch.Tensor:
        vectors = super().forward(batch)
        self.given.append(vectors.double())
        return vectors


def test_figures_are_the_textbooks(tokenizer: Tokenizer) -> None:
    evaluation = SentenceEvaluation.over(tokenizer, TEXTS, context=40)
    assert (evaluation.size, len(evaluation.order)) == (64, 128)
    model = model_of(pooling="cls").eval()
    model.__class__, model.given = Recorded, []  # type: ignore[attr-defined]
    figures = evaluation(model)
    count = len(evaluation.batches)
    plain, first, second = (
        nn.functional.normalize(torch.cat(model.given[k * count : (k + 1) * count]), dim=1)  # type: ignore[attr-defined]
        for k in range(3)
    )
    rows = [tuple(row) for batch in evaluation.batches for row in unpack(batch)]
    total = hits = 0.0
    spread, apart = [], []
    for begin in (0, 64):
        places = evaluation.order[begin : begin + 64].tolist()
        vectors = torch.stack([first[places], second[places]], dim=1).flatten(0, 1).numpy()
        loss, right = textbook(vectors, [rows.index(rows[p]) for p in places], 0.05)
        total, hits = total + loss, hits + right
        apart += [float((first[p] - second[p]).square().sum()) for p in places]
        spread += [
            math.exp(-2 * float((plain[a] - plain[b]).square().sum()))
            for a in places
            for b in places
            if rows[a] != rows[b]
        ]
    assert figures["loss"] == pytest.approx(total / 128, rel=1e-4)
    assert figures["accuracy"] == pytest.approx(hits / 128)
    assert figures["base"] == 1 / 64
    assert figures["alignment"] == pytest.approx(sum(apart) / 128, rel=1e-4)
    assert figures["uniformity"] == pytest.approx(math.log(sum(spread) / len(spread)), rel=1e-4)


def test_it_is_the_same_each_time_and_disturbs_nothing(tokenizer: Tokenizer) -> None:
    evaluation = SentenceEvaluation.over(tokenizer, TEXTS, context=40)
    model = model_of(share=0.3).eval()
    state = torch.random.get_rng_state()
    figures = evaluation(model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in model.modules())
    assert model.dropout == 0.3
    torch.manual_seed(99)
    assert evaluation(model) == figures
    # The protocol's share is dropped, whatever the model was trained with.
    assert evaluation(model_of(share=0.1).eval()) == figures


def test_few_texts_are_one_set_and_one_is_none(tokenizer: Tokenizer) -> None:
    evaluation = SentenceEvaluation.over(tokenizer, TEXTS[:5], context=40)
    assert (evaluation.size, evaluation(model_of().eval())["base"]) == (5, 0.2)
    for texts in (TEXTS[:1], TEXTS[:1] * 3):
        with pytest.raises(TextError, match=r"the held-out text is one; .*--document line"):
            SentenceEvaluation.over(tokenizer, texts, context=40)


def test_a_collapsed_model_guesses_and_is_not_uniform(tokenizer: Tokenizer) -> None:
    class One(SentenceEncoder):
        def forward(self, batch: Batch) -> torch.Tensor:
            return torch.ones(len(batch), 3)

    model: Any = model_of().eval()
    model.__class__ = One
    figures = SentenceEvaluation.over(tokenizer, TEXTS, context=40)(model)
    assert figures["loss"] == pytest.approx(math.log(64), abs=0.1)
    assert figures["uniformity"] == pytest.approx(0.0, abs=1e-5)
    assert figures["alignment"] == pytest.approx(0.0, abs=1e-5)
