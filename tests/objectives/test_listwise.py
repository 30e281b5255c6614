"""The loss of an order, beside a softmax for each query by itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.objectives.listwise import Listwise, list_losses

ROWS = [[place + 1, 2] for place in range(9)]
SIZES = [3, 2, 4]
LABELS = [0.0, 1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 1.0, 0.0]


class Scores(nn.Module):
    """A score for each first token."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        drawn = torch.randn(20, generator=torch.Generator().manual_seed(3))
        self.table = nn.Parameter(drawn * scale)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.table[batch.ids[batch.boundaries[:-1]]][:, None]


def rows_of(query: int) -> list[int]:
    first = sum(SIZES[:query])
    return list(range(first, first + SIZES[query]))


@pytest.mark.parametrize("scale", [1.0, 80.0])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0], [1]])
def test_the_loss_is_a_softmax_over_each_query(order: list[int], scale: float) -> None:
    model, objective = Scores(scale), Listwise.of(LABELS, SIZES)
    places = [place for query in order for place in rows_of(query)]
    task = objective.corrupt(pack([ROWS[p] for p in places], samples=places), Draws(0, 0))
    assert dict(task.targets) == {"queries": len(order)}
    (loss,) = objective.loss(model, task).terms.values()
    loss.total.backward()
    gradient, model.table.grad = model.table.grad, None
    expected, hits = torch.zeros(()), 0
    for query in order:
        logits = torch.stack([model.table[ROWS[p][0]] for p in rows_of(query)])
        labels = torch.tensor([LABELS[p] for p in rows_of(query)])
        expected = expected + F.cross_entropy(logits, labels / labels.sum())
        hits += int(labels[logits.argmax()] == labels.max())
    expected.backward()
    torch.testing.assert_close(loss.total, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, model.table.grad)
    assert (loss.targets, int(loss.hits)) == (len(order), hits)


def test_a_query_without_a_relevant_document_counts_nothing() -> None:
    logits = torch.tensor([1.0, 2.0, 5.0, 4.0], requires_grad=True)
    total, hits = list_losses(logits, torch.tensor([0.0, 1.0, 0.0, 0.0]), (2, 2))
    total.backward()
    assert float(total.detach()) == pytest.approx(
        float(F.cross_entropy(logits[None, :2].detach(), torch.tensor([1])))
    )
    assert logits.grad is not None
    assert logits.grad[2:].tolist() == [0.0, 0.0]
    assert int(hits) == 1


def test_one_relevant_document_has_the_loss_of_telling_it_apart() -> None:
    logits = torch.randn(5, generator=torch.Generator().manual_seed(1))
    total, _ = list_losses(logits, torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]), (5,))
    torch.testing.assert_close(total, F.cross_entropy(logits[None], torch.tensor([2])))
