"""The dense layer, activation and norm that stand before a head's last layer."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.config import TransformConfig
from unmask.nn.mlp import ACTIVATIONS
from unmask.nn.norm import build_norm


class Transform(nn.Module):
    """`(..., D)` to `(..., D)`."""

    def __init__(self, width: int, config: TransformConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width, bias=config.bias)
        self.activation = ACTIVATIONS[config.activation]
        self.norm = build_norm(width, config.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.norm(self.activation(self.dense(x)))
        return out
