"""Learning an order: the documents of a query are scored against each other.

The scores of a query's documents go through one softmax, and the cross-entropy is taken against
their labels divided by the sum of these: ListNet's loss of the first place (Cao et al. 2007). Of
one relevant document among others it is the loss of telling it from them.

Shapes: B pairs of a query and a document, G queries, whose documents stand one behind the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.objectives.answering import segment_log_sums
from unmask.objectives.targets import Loss, Losses

TERM = "queries"


@dataclass(frozen=True, slots=True)
class ListTask:
    """Documents to be put in order.

    Attributes:
        batch: B pairs.
        labels: `(B,)` float32, at least 0.
        lengths: of the G queries, how many documents each has.
    """

    batch: Batch
    labels: torch.Tensor
    lengths: tuple[int, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Nothing is done to the tokens."""
        return {}

    @property
    def targets(self) -> Mapping[str, int]:
        """Every query."""
        return {TERM: len(self.lengths)}

    def to(self, device: torch.device) -> ListTask:
        """The same task on another device."""
        return replace(self, batch=self.batch.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class Listwise:
    """Softmax cross-entropy over the documents of each query.

    A batch must hold whole queries, the documents of each one after the other.

    Attributes:
        labels: `(N,)` float32 by the number of the sample, at least 0; the sum of each query's is
            above 0.
        queries: `(N,)` int64, the number of each sample's query.
    """

    labels: torch.Tensor
    queries: torch.Tensor

    @classmethod
    def of(cls, labels: Sequence[float], sizes: Sequence[int]) -> Listwise:
        """The objective for N labels of queries with so many documents each."""
        numbers = np.repeat(np.arange(len(sizes)), sizes)
        return cls(torch.tensor(labels, dtype=torch.float32), torch.from_numpy(numbers))

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> ListTask:
        """The batch as it is, with the labels of its samples."""
        assert batch.samples is not None
        _, counts = torch.unique_consecutive(self.queries[batch.samples], return_counts=True)
        return ListTask(batch, self.labels[batch.samples], tuple(counts.tolist()))

    def loss(self, model: nn.Module, task: ListTask) -> Losses:
        """Summed over queries in nats, and for how many a best document was scored highest.

        Args:
            model: a batch to `(B, 1)` logits.
        """
        logits = model(task.batch).float().squeeze(1)
        total, hits = list_losses(logits, task.labels, task.lengths)
        return Losses({TERM: Loss(total, len(task.lengths), hits)})


def list_losses(
    logits: torch.Tensor, labels: torch.Tensor, lengths: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The summed loss of queries, and how often a document with the best label comes first.

    Args:
        logits: `(B,)` float32.
        labels: `(B,)` at least 0; a query whose labels are all 0 counts nothing.
        lengths: documents of each of G queries.
    """
    sizes = torch.tensor(lengths, device=logits.device)
    best, total = (one.squeeze(1) for one in segment_log_sums(logits[:, None], sizes))
    sums = torch.segment_reduce(labels, "sum", lengths=sizes)
    shares = labels / sums.clamp(min=torch.finfo(labels.dtype).tiny).repeat_interleave(sizes)
    known = (sums > 0).to(logits.dtype)
    loss = (known * total).sum() - (shares * logits).sum()
    most = torch.segment_reduce(labels, "max", lengths=sizes).repeat_interleave(sizes)
    first = (logits.detach() >= best.repeat_interleave(sizes)) & (labels == most) & (labels > 0)
    hits = torch.segment_reduce(first.to(logits.dtype), "max", lengths=sizes).sum()
    return loss, hits.long()
