"""Labels of tokens: which rows they fall on, and the loss against PyTorch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import DataError
from unmask.objectives.tagging import TokenLabels

NAMES = ("O", "B-a", "I-a")
PLACES = [np.array([1, 3]), np.array([], dtype=np.int64), np.array([1, 2, 4])]
LABELS = [("B-a", "I-a"), (), ("O", "B-a", "O")]


class Scores(nn.Module):
    """A table of scores, one row a token id."""

    def __init__(self) -> None:
        super().__init__()
        seeded = torch.Generator().manual_seed(3)
        self.table = nn.Parameter(torch.randn(30, 3, generator=seeded))

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.table[batch.ids]


def batch_of(*samples: int) -> Batch:
    rows = [[0, 1, 2, 3], [10, 11], [20, 21, 22, 23, 24]]
    return pack([rows[one] for one in samples], samples=samples)


def test_labels_follow_the_samples_wherever_they_are() -> None:
    objective = TokenLabels.of(PLACES, LABELS, NAMES)
    batch = batch_of(2, 1, 0)
    task = objective.corrupt(batch, Draws(0, 0))
    assert task.batch is batch
    assert batch.ids[task.rows].tolist() == [21, 22, 24, 1, 3]
    assert [NAMES[label] for label in task.labels.tolist()] == ["O", "B-a", "O", "B-a", "I-a"]
    assert task.targets == {"words": 5}


@pytest.mark.parametrize(("balanced", "smoothing"), [(False, 0.0), (True, 0.0), (True, 0.2)])
def test_the_loss_is_summed_cross_entropy(balanced: bool, smoothing: float) -> None:
    objective = TokenLabels.of(PLACES, LABELS, NAMES, balanced=balanced, smoothing=smoothing)
    weights = torch.tensor([5 / 6, 5 / 6, 5 / 3]) if balanced else None
    model = Scores()
    task = objective.corrupt(batch_of(0, 2), Draws(0, 0))
    (loss,) = objective.loss(model, task).terms.values()
    loss.total.backward()
    gradient, model.table.grad = model.table.grad, None
    scores = model.table[torch.tensor([1, 3, 21, 22, 24])]
    each = F.cross_entropy(scores, task.labels, reduction="none")
    even = -scores.log_softmax(1).mean(1)
    share = torch.ones(5) if weights is None else weights[task.labels]
    truth = ((each * (1 - smoothing) + even * smoothing) * share).sum()
    truth.backward()
    torch.testing.assert_close(loss.total, truth)
    torch.testing.assert_close(gradient, model.table.grad)
    assert loss.targets == 5
    assert int(loss.hits) == int((scores.argmax(1) == task.labels).sum())


def test_an_unknown_label_is_an_error_that_shows_both_sets() -> None:
    with pytest.raises(DataError, match=r"among 'O', 'B-a', 'I-a', but there are also 'B-b'"):
        TokenLabels.of([np.array([1])], [["B-b"]], NAMES)
