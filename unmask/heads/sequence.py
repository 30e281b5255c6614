"""The sequence head: one score per label for each sequence."""

from __future__ import annotations

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.pooling import POOLINGS
from unmask.heads.transform import build_transform
from unmask.nn.config import SequenceHeadConfig


class SequenceHead(nn.Module):
    """Pool, transform, drop, project to the labels."""

    def __init__(self, width: int, config: SequenceHeadConfig) -> None:
        super().__init__()
        self.pool = POOLINGS[config.pooling]
        self.transform = build_transform(width, config.transform)
        self.drop = nn.Dropout(config.dropout)
        self.project = nn.Linear(width, len(config.labels), bias=config.bias)

    def forward(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """`(T, D)` hidden states to `(B, labels)` logits."""
        logits: torch.Tensor = self.project(self.drop(self.vectors(hidden, batch)))
        return logits

    def vectors(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """`(T, D)` hidden states to `(B, D)`: what the last layer is given, before dropout."""
        pooled: torch.Tensor = self.transform(self.pool(hidden, batch))
        return pooled
