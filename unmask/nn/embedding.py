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
        self.tokens = nn.Embedding(config.vocab, width)
        self.positions = nn.Embedding(config.positions, width) if config.positions else None
        self.segments = nn.Embedding(config.segments, width) if config.segments else None
        self.norm = build_norm(width, config.norm)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> torch.Tensor:
        """`(T, D)`. A batch without segments is all of segment 0."""
        x = self.tokens(batch.ids)
        if self.segments is not None:
            first = self.segments.weight[0]
            x = x + (first if batch.segments is None else self.segments(batch.segments))
        if self.positions is not None:
            x = x + self.positions(batch.positions)
        out: torch.Tensor = self.drop(self.norm(x))
        return out
