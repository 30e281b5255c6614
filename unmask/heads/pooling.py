"""One vector per sequence from the hidden states of its tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch

from unmask.batches.batch import Batch
from unmask.nn.config import Pooling


def pool_cls(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden state of each sequence's first token: `(T, D)` to `(B, D)`."""
    return hidden.index_select(0, batch.boundaries[:-1])


def pool_last(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden state of each sequence's last token: `(T, D)` to `(B, D)`."""
    return hidden.index_select(0, batch.boundaries[1:] - 1)


def pool_mean(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The mean over each sequence's tokens, special tokens included: `(T, D)` to `(B, D)`.

    Summed in float32, one sequence at a time, so that a sequence's mean does not depend on its
    neighbours in the row.
    """
    parts = torch.split(hidden.float(), list(batch.lengths))
    return torch.stack([part.mean(0) for part in parts]).to(hidden.dtype)


POOLINGS: dict[Pooling, Callable[[torch.Tensor, Batch], torch.Tensor]] = {
    "cls": pool_cls,
    "mean": pool_mean,
    "last": pool_last,
}
