"""Texts of one label find each other: the loss is the textbook's, and those alone add nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.objectives.supervised_contrastive import Together, drawn_together
from unmask.train.terms import StepTerms

DRAWS = Draws(3, 0)


class Given(nn.Module):
    """Gives vectors that were made before, by the number of the sample."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(vectors)

    def vectors(self, batch: Batch) -> torch.Tensor:
        assert batch.samples is not None
        return self.table[batch.samples]


def textbook(vectors: np.ndarray[Any, Any], labels: list[int], temperature: float) -> float:
    """Equation 2 of Khosla et al. 2020, summed over the texts that have both kinds beside them."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total = 0.0
    for i, label in enumerate(labels):
        others = [j for j in range(len(labels)) if j != i]
        same = [j for j in others if labels[j] == label]
        if not same or len(same) == len(others):
            continue
        scores = {j: float(unit[i] @ unit[j]) / temperature for j in others}
        whole = math.log(sum(math.exp(score) for score in scores.values()))
        total -= sum(scores[j] - whole for j in same) / len(same)
    return total


def batch_of(samples: list[int]) -> Batch:
    return pack([[2, 5 + sample, 3] for sample in samples], samples=samples)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0, 1, 0, 2, 0, 3], [1, 1, 1, 0, 0, 1]])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_the_loss_is_the_textbooks(labels: list[int], temperature: float) -> None:
    table = torch.randn(6, 7, generator=torch.Generator().manual_seed(0))
    objective = Together(torch.tensor(labels), temperature)
    samples = [4, 1, 5, 0, 2, 3]
    task = objective.corrupt(batch_of(samples), DRAWS)
    model: Any = Given(table)
    loss = objective.loss(model, task).terms["texts"]
    found = textbook(table.numpy()[samples], [labels[one] for one in samples], temperature)
    assert loss.total.item() == pytest.approx(found, rel=1e-5)
    assert loss.targets == task.targets["texts"]


def test_texts_that_are_alone_look_for_nothing_but_are_looked_through() -> None:
    vectors = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    objective = Together(torch.tensor([0, 0, 1, 2, 3]), 0.1)
    task = objective.corrupt(batch_of([0, 1, 2, 3, 4]), DRAWS)
    assert task.targets == {"texts": 2}
    assert task.counts == {"alone": 3}
    few = objective.corrupt(batch_of([0, 1]), DRAWS)
    model: Any = Given(vectors)
    # A batch of one label has nothing to be told from.
    assert few.targets == {"texts": 0}
    assert objective.loss(model, few).terms["texts"].total.item() == 0.0
    more, less = (
        objective.loss(model, objective.corrupt(batch_of(some), DRAWS)).terms["texts"].total.item()
        for some in ([0, 1, 2, 3, 4], [0, 1, 2])
    )
    assert more > less


@pytest.mark.parametrize("samples", [[0], [0, 1], [0, 2], [0, 1, 2, 3]])
def test_gradients_are_finite_and_draw_a_label_together(samples: list[int]) -> None:
    objective = Together(torch.tensor([0, 0, 1, 1]), 0.1)
    model: Any = Given(torch.randn(4, 3, generator=torch.Generator().manual_seed(2)))
    task = objective.corrupt(batch_of(samples), DRAWS)
    StepTerms.of([task]).add(objective.loss(model, task)).backward()
    slope = model.table.grad
    assert torch.isfinite(slope).all()
    if len(samples) < 4:
        assert not slope.any()
        return

    def cosine() -> float:
        return torch.cosine_similarity(model.table[0], model.table[1], dim=0).item()

    before = cosine()
    with torch.no_grad():
        model.table -= 0.05 * slope
    assert cosine() > before


def test_a_hit_is_a_text_whose_nearest_has_its_label() -> None:
    cosines = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    _, hits = drawn_together(cosines, torch.tensor([0, 0, 1]), 0.1)
    assert int(hits) == 2
    _, hits = drawn_together(cosines, torch.tensor([0, 1, 0]), 0.1)
    assert int(hits) == 0


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match="must be above 0, not"):
        Together(torch.tensor([0, 1]), temperature)
