"""One vector per sequence from the hidden states of its tokens.

Shape suffixes: T tokens of the batch, N sequences of equal length, S that length, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from unmask.batches.batch import Batch
from unmask.nn.config import Pooling
from unmask.nn.layout import runs_of


def pool_cls(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden state of each sequence's first token: `(T, D)` to `(B, D)`."""
    return hidden.index_select(0, batch.boundaries[:-1])


def pool_last(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden state of each sequence's last token: `(T, D)` to `(B, D)`."""
    return hidden.index_select(0, batch.boundaries[1:] - 1)


def pool_mean(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The mean over each sequence's tokens, special tokens included: `(T, D)` to `(B, D)`.

    Summed in float32 and never across sequences, so that a sequence's mean does not depend on its
    neighbours in the row.
    """
    means = [rows_NSD.float().mean(1) for rows_NSD in by_equal_length(hidden, batch)]
    return torch.cat(means).to(hidden.dtype)


def by_equal_length(hidden: torch.Tensor, batch: Batch) -> Iterator[torch.Tensor]:
    """The hidden states `(T, D)` as `(N, S, D)` for each run of N neighbours of equal length S."""
    runs = runs_of(batch.lengths)
    parts = torch.split(hidden, [count * length for count, length in runs])
    for part, shape in zip(parts, runs, strict=True):
        yield part.view(*shape, -1)


POOLINGS: dict[Pooling, Callable[[torch.Tensor, Batch], torch.Tensor]] = {
    "cls": pool_cls,
    "mean": pool_mean,
    "last": pool_last,
}
