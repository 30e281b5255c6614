"""First and last tokens as targets: the loss against a padded softmax, and where labels point."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.objectives.answering import Answering, segment_log_sums


class Scores(nn.Module):
    """A table of two scores for each token id."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        drawn = torch.randn(50, 2, generator=torch.Generator().manual_seed(3))
        self.table = nn.Parameter(drawn * scale)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.table[batch.ids]


ROWS = [[1, 2, 3, 4, 5], [6], [7, 8, 9], [10, 11, 12, 13, 14, 15, 16]]
PLACES = [(1, 3), (0, 0), (2, 2), (0, 0)]


def padded(model: Scores, order: list[int]) -> tuple[torch.Tensor, int]:
    """The same loss, and hits, over a padded table of scores."""
    rows = [model.table[torch.tensor(ROWS[place])] for place in order]
    scores_bsc = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-torch.inf)
    total, hits = torch.zeros(()), 0
    for end in (0, 1):
        labels = torch.tensor([PLACES[place][end] for place in order])
        scores = scores_bsc[:, :, end]
        total = total + F.cross_entropy(scores, labels, reduction="sum")
        hits += int((scores.argmax(1) == labels).sum())
    return total, hits


@pytest.mark.parametrize("scale", [1.0, 60.0])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1], [2]])
def test_the_loss_is_that_of_a_padded_softmax(order: list[int], scale: float) -> None:
    model = Scores(scale)
    objective = Answering.of(PLACES)
    batch = pack([ROWS[place] for place in order], samples=order)
    task = objective.corrupt(batch, Draws(0, 0))
    assert dict(task.targets) == {"tokens": 2 * len(order)}
    (loss,) = objective.loss(model, task).terms.values()
    loss.total.backward()
    gradient, model.table.grad = model.table.grad, None
    expected, hits = padded(model, order)
    expected.backward()
    torch.testing.assert_close(loss.total, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, model.table.grad)
    assert (loss.targets, int(loss.hits)) == (2 * len(order), hits)


def test_labels_follow_the_samples_wherever_they_are() -> None:
    task = Answering.of(PLACES).corrupt(pack([ROWS[2], ROWS[0]], samples=[2, 0]), Draws(0, 0))
    assert task.labels.tolist() == [2, 3 + 1, 2, 3 + 3]
    assert task.counts == {}


def test_other_rows_change_nothing() -> None:
    scores = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    best, total = segment_log_sums(scores, torch.tensor([4, 5]))
    for place, part in enumerate((scores[:4], scores[4:])):
        torch.testing.assert_close(best[place], part.amax(0))
        torch.testing.assert_close(total[place], part.logsumexp(0))
