"""Labels as targets: what the loop is given, and the loss against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import DataError
from unmask.objectives.supervised import Classification

NAMES = ("bad", "fine", "good")


class Scores(nn.Module):
    """A table of scores, one row a sample."""

    def __init__(self, samples: int, labels: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(samples, labels, generator=_seeded()))

    def forward(self, batch: Batch) -> torch.Tensor:
        assert batch.samples is not None
        return self.table[batch.samples]


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_labels_follow_the_samples_wherever_they_are() -> None:
    objective = Classification.of(["good", "bad", "fine", "good"], NAMES)
    batch = pack([[1, 2], [3]], samples=[3, 1])
    task = objective.corrupt(batch, Draws(0, 0), 0.0)
    assert task.batch is batch
    assert task.labels.tolist() == [2, 0]
    assert task.rows.tolist() == [0, 1]
    assert task.counts == {}


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_the_loss_is_summed_cross_entropy(weights: torch.Tensor | None) -> None:
    labels = Classification.of(["good", "bad", "fine"], NAMES).labels
    objective = Classification(labels, weights)
    model = Scores(3, 3)
    task = objective.corrupt(pack([[1], [2], [3]]), Draws(0, 0))
    (loss,) = objective.loss(model, task).terms.values()
    loss.total.backward()
    gradient, model.table.grad = model.table.grad, None
    truth = F.cross_entropy(model.table, labels, weight=weights, reduction="sum")
    truth.backward()
    torch.testing.assert_close(loss.total, truth)
    torch.testing.assert_close(gradient, model.table.grad)
    assert loss.targets == 3
    assert int(loss.hits) == int((model.table.argmax(1) == labels).sum())


def test_an_unknown_label_is_an_error_that_shows_both_sets() -> None:
    with pytest.raises(DataError, match=r"among 'bad', 'fine', 'good', but there are also 'ugly'"):
        Classification.of(["good", "ugly"], NAMES)
