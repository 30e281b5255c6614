"""Token ids to vectors."""

from __future__ import annotations

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.nn.config import EmbeddingConfig
from unmask.nn.norm import build_norm


class Embedding(nn.Module):
    """Rows of a token table, plus positions and segments where the model has them, then a norm."""

    def __init__(self, width: int, config: EmbeddingConfig) -> None:
        super().__init__()
        own = config.width or width
        self.tokens = nn.Embedding(config.vocab, own)
        self.positions = nn.Embedding(config.positions, own) if config.positions else None
        self.segments = nn.Embedding(config.segments, own) if config.segments else None
        self.norm = build_norm(own, config.norm)
        self.drop = nn.Dropout(config.dropout)
        self.widen = _widening(own, width, config)
        self.first_position = config.first_position

    def forward(self, batch: Batch) -> torch.Tensor:
        """`(T, D)`. A batch without segments is all of segment 0."""
        x = self.tokens(batch.ids)
        if self.segments is not None:
            first = self.segments.weight[0]
            x = x + (first if batch.segments is None else self.segments(batch.segments))
        if self.positions is not None:
            x = x + self.positions(batch.positions + self.first_position)
        out: torch.Tensor = self.widen(self.drop(self.norm(x)))
        return out


def _widening(own: int, width: int, config: EmbeddingConfig) -> nn.Module:
    """`(T, E)` to `(T, D)`."""
    match config.widen:
        case "project":
            return nn.Linear(own, width)
        case "repeat":
            return Repeat(width // own)
        case None:
            return nn.Identity()


class Repeat(nn.Module):
    """`(T, E)` to `(T, times E)`: the same vector for each direction of a recurrent encoder."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.repeat(1, self.times)
