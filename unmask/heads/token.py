"""The head over every token: labels, the ends of an answer, or whether it was replaced."""

from __future__ import annotations

import torch
from torch import nn

from unmask.heads.transform import build_transform
from unmask.nn.config import TokenHeadConfig


class TokenHead(nn.Module):
    """Transform, drop, project to the outputs."""

    def __init__(self, width: int, config: TokenHeadConfig) -> None:
        super().__init__()
        self.transform = build_transform(width, config.transform)
        self.drop = nn.Dropout(config.dropout)
        self.project = nn.Linear(width, config.outputs)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(T, D)` hidden states to `(T, outputs)` logits."""
        logits: torch.Tensor = self.project(self.drop(self.transform(hidden)))
        return logits
