"""The feed-forward block, plain and gated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from unmask.nn.config import Activation, MlpConfig

ACTIVATIONS: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


def build_mlp(width: int, config: MlpConfig) -> nn.Module:
    """The feed-forward block that the record asks for."""
    return GatedMlp(width, config) if config.gated else Mlp(width, config)


class Mlp(nn.Module):
    """Up, activation, down (Vaswani et al. 2017). `(T, D)` to `(T, D)`."""

    def __init__(self, width: int, config: MlpConfig) -> None:
        super().__init__()
        self.up = nn.Linear(width, config.hidden, bias=config.bias)
        self.down = nn.Linear(config.hidden, width, bias=config.bias)
        self.drop = nn.Dropout(config.dropout)
        self.out_drop = nn.Dropout(config.out_dropout)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.out_drop(self.down(self.drop(self.activation(self.up(x)))))
        return out


class GatedMlp(nn.Module):
    """Up to two halves, activation of the first times the second, down (Shazeer 2020).

    `up` holds both halves as one matrix, first half first. `(T, D)` to `(T, D)`.
    """

    def __init__(self, width: int, config: MlpConfig) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * config.hidden, bias=config.bias)
        self.down = nn.Linear(config.hidden, width, bias=config.bias)
        self.drop = nn.Dropout(config.dropout)
        self.out_drop = nn.Dropout(config.out_dropout)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.up(x).chunk(2, dim=-1)
        out: torch.Tensor = self.out_drop(self.down(self.drop(self.activation(value) * gate)))
        return out
