"""Two readings of a text: the loss is the textbook's, and nothing but dropout makes them differ."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.objectives.texts import source_of
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack, unpack
from unmask.errors import ConfigError
from unmask.heads.sentence import SentenceEncoder, TrainedPooling
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise
from unmask.objectives.simcse import SimCSE, ViewTask, contrast
from unmask.train.terms import StepTerms

DRAWS = Draws(3, 0)
VOCAB = 60


def model_of(
    arch: str = "bert", pooling: TrainedPooling = "mean", share: float = 0.1
) -> SentenceEncoder:
    """Two layers of width 64, in training mode."""
    config = sized_config(arch, "2x64", vocab_size=VOCAB, context=40, pad_token_id=0)
    model = SentenceEncoder(Encoder(arch_of(arch).encoder(config)), pooling)
    initialise(model, 0.1, 2, torch.Generator().manual_seed(0))
    model.drop(share)
    return model.train()


class Given(nn.Module):
    """Gives vectors that were made before."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.vectors


def textbook(
    vectors: np.ndarray[Any, Any], texts: list[int], temperature: float
) -> tuple[float, int]:
    """Equation 4 of Gao et al. 2021, with other texts alone as negatives."""
    first, second = vectors[0::2], vectors[1::2]
    total, hits = 0.0, 0
    for i, h in enumerate(first):
        scores = {
            j: h @ g / np.linalg.norm(h) / np.linalg.norm(g) / temperature
            for j, g in enumerate(second)
            if j == i or texts[j] != texts[i]
        }
        if len(scores) == 1:
            continue
        total -= scores[i] - math.log(sum(math.exp(score) for score in scores.values()))
        hits += max(scores, key=lambda j: scores[j]) == i
    return total, hits


@pytest.mark.parametrize("texts", [[0, 1, 2, 3, 4], [0, 1, 0, 2, 0], [0, 0, 0, 1, 1]])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_the_loss_is_the_textbooks(texts: list[int], temperature: float) -> None:
    rows = [[5, 10 + text, 6] for text in texts]
    objective = SimCSE(temperature)
    task = objective.corrupt(pack(rows), DRAWS)
    assert task.texts.tolist() == texts
    vectors = torch.randn(10, 7, generator=torch.Generator().manual_seed(len(set(texts))))
    model: Any = Given(vectors)
    loss = objective.loss(model, task).terms["views"]
    total, hits = textbook(vectors.double().numpy(), texts, temperature)
    assert float(loss.total.detach()) == pytest.approx(total, rel=1e-5)
    assert (int(loss.hits), loss.targets) == (hits, 5)
    assert task.counts == {"texts": 5, "repeated": 5 - len(set(texts))}


def test_no_gradient_comes_from_an_equal_text() -> None:
    texts = torch.tensor([0, 1, 0, 2])
    cosines = torch.rand(4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    total, _ = contrast(cosines, texts, 0.5)
    total.backward()  # type: ignore[no-untyped-call]
    assert cosines.grad is not None
    silent = cosines.grad == 0
    assert silent.nonzero().tolist() == [[0, 2], [2, 0]]
    assert (cosines.grad.diagonal() < 0).all()


@pytest.mark.parametrize("rows", [[[5, 7, 6]], [[5, 7, 6]] * 3])
def test_a_text_without_another_asks_for_nothing(rows: list[list[int]]) -> None:
    model, objective = model_of(), SimCSE()
    task = objective.corrupt(pack(rows), DRAWS)
    assert dict(task.targets) == {"views": 0}
    losses = objective.loss(model, task)
    found = StepTerms.of([task])
    found.add(losses).backward()  # type: ignore[no-untyped-call]
    assert (found.mean, found.main.share) == (0.0, 0.0)
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_each_text_is_read_twice_and_only_dropout_differs() -> None:
    batch = pack([[5, 7, 6], [5, 8, 9, 6], [5, 7, 6]])
    task = SimCSE().corrupt(batch, DRAWS)
    assert unpack(task.batch) == [row for row in unpack(batch) for _ in range(2)]
    assert task.batch.tokens == 2 * batch.tokens
    model = model_of()
    views = model(task.batch).unflatten(0, (-1, 2))
    apart = (views[:, 0] - views[:, 1]).norm(dim=-1)
    assert (apart > 1e-2).all()
    # Equal texts are no copies of each other either.
    assert not torch.allclose(views[0], views[2])
    torch.testing.assert_close(*model.eval()(task.batch).unflatten(0, (-1, 2)).unbind(1))


@pytest.mark.parametrize("arch", ["bert", "modernbert", "deberta_v2", "distilbert", "albert"])
def test_what_is_dropped_is_what_was_asked_for(arch: str) -> None:
    """Not what the configuration says, and nothing in evaluation mode."""
    batch = SimCSE().corrupt(next(source_of(VOCAB).epoch(0)), DRAWS).batch
    apart = []
    for share in (0.0, 0.05, 0.3):
        views = model_of(arch, share=share)(batch).detach().unflatten(0, (-1, 2))
        apart.append(float((views[:, 0] - views[:, 1]).norm(dim=-1).mean()))
    assert apart[0] == pytest.approx(0.0, abs=1e-4)
    assert 1e-3 < apart[1] < 0.7 * apart[2]


def test_the_configuration_s_own_dropout_does_not_count() -> None:
    config = sized_config("bert", "2x64", vocab_size=VOCAB, context=40, pad_token_id=0)
    fields = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}
    config = arch_of("bert").check({**config.model_dump(), **fields})
    model = SentenceEncoder(Encoder(arch_of("bert").encoder(config)), "mean").train()
    batch = pack([[5, 7, 6], [5, 7, 6]])
    torch.testing.assert_close(*model(batch).unbind(0))
    assert not torch.allclose(*Encoder(arch_of("bert").encoder(config))(batch).chunk(2))


def test_every_parameter_learns_and_the_projector_is_of_training_alone() -> None:
    batch = next(source_of(VOCAB).epoch(0))
    for pooling in ("mean", "cls"):
        model, objective = model_of(pooling=pooling), SimCSE()
        task = objective.corrupt(batch, DRAWS)
        losses = objective.loss(model, task)
        losses.terms["views"].total.backward()  # type: ignore[no-untyped-call]
        grads = {name: p.grad for name, p in model.named_parameters()}
        # BERT's segment 1 is read by pairs alone.
        assert all(g is not None and g.any() for g in grads.values())
        assert any(name.startswith("projector") for name in grads) == (pooling == "cls")
        vectors = model.eval()(batch)
        torch.testing.assert_close(vectors, model.head(model.encoder(batch), batch))
        texts = len(batch)
        assert int(losses.counts["pairs"]) == texts * (texts - 1)
        assert 0 <= int(losses.counts["near_pairs"]) <= texts * (texts - 1)


def test_pairs_that_are_alike_are_counted() -> None:
    vectors = torch.eye(4).repeat_interleave(2, 0)
    vectors[2:4] = torch.tensor([1.0, 0.05, 0.0, 0.0])
    task = SimCSE().corrupt(pack([[5, n, 6] for n in range(4)]), DRAWS)
    model: Any = Given(vectors)
    counts = SimCSE().loss(model, task).counts
    assert {name: int(count) for name, count in counts.items()} == {"pairs": 12, "near_pairs": 2}


def test_the_same_in_two_halves() -> None:
    """A step of two batches is divided once, by the texts of both."""
    objective = SimCSE()
    tasks = [
        objective.corrupt(pack(rows), DRAWS)
        for rows in ([[5, 7, 6], [5, 8, 6]], [[5, 9, 6], [5, 8, 7, 6], [5, 9, 9, 6]])
    ]
    found = StepTerms.of(tasks)
    torch.manual_seed(4)
    model = model_of()
    singly = []
    for task in tasks:
        losses = objective.loss(model, task)
        found.add(losses)
        singly.append(float(losses.terms["views"].total.detach()))
    assert found.mean == pytest.approx(sum(singly) / 5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_is_none(temperature: float) -> None:
    with pytest.raises(ConfigError, match=r"above 0, not .*simcse.temperature=0.05"):
        SimCSE(temperature)


def test_a_task_moves_whole() -> None:
    task = SimCSE().corrupt(pack([[5, 7, 6], [5, 8, 6]]), DRAWS)
    there = task.to(torch.device("cpu"))
    assert isinstance(there, ViewTask)
    assert replace(there, batch=task.batch, texts=task.texts) == task
