"""The dense layer, activation and norm that stand before a head's last layer."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.config import TransformConfig
from unmask.nn.linear import ACTIVATIONS
from unmask.nn.norm import build_norm


class Transform(nn.Module):
    """`(..., D)` to `(..., the config's width)`."""

    def __init__(self, width: int, config: TransformConfig) -> None:
        super().__init__()
        self.drop = nn.Dropout(config.dropout)
        self.dense = nn.Linear(width, config.width or width, bias=config.bias)
        self.activation = ACTIVATIONS[config.activation]
        self.norm = build_norm(config.width or width, config.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.norm(self.activation(self.dense(self.drop(x))))
        return out


def build_transform(width: int, config: TransformConfig | None) -> nn.Module:
    """The transform that the record asks for; identity for none."""
    return nn.Identity() if config is None else Transform(width, config)
