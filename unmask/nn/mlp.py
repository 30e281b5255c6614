"""The feed-forward block, plain and gated."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.config import MlpConfig
from unmask.nn.linear import GatedLinear, Linear


class Mlp(nn.Module):
    """Up, activation, down (Vaswani et al. 2017); gated where the record asks for it.

    `(T, D)` to `(T, D)`.
    """

    def __init__(self, width: int, config: MlpConfig) -> None:
        super().__init__()
        up = GatedLinear if config.gated else Linear
        self.up = up(
            width,
            config.hidden,
            bias=config.bias,
            activation=config.activation,
            dropout=config.dropout,
        )
        self.down = Linear(config.hidden, width, bias=config.bias, dropout=config.out_dropout)

    def forward(self, x: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
        """The block's output for `x`, added onto `onto`."""
        out: torch.Tensor = self.down(self.up(x), onto)
        return out
