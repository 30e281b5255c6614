"""The linear layer of all blocks, with what follows it: activation, dropout, residual sum.

They belong together because fast kernels do them in one pass over memory (`unmask.nn.prepared`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from unmask.nn.config import Activation
from unmask.nn.low_rank import LowRank

ACTIVATIONS: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


class Linear(nn.Linear):
    """x W' + b, then the activation, then dropout, then added onto what is given.

    `(T, inputs)` to `(T, outputs)`. What an adapter gives, if there is one, is added to x W' + b.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        activation: Activation | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.activation, self.dropout = activation, dropout
        self.adapter: LowRank | None = None

    def forward(self, x: torch.Tensor, onto: torch.Tensor | None = None) -> torch.Tensor:
        out = _product(self, x)
        if self.activation is not None:
            out = ACTIVATIONS[self.activation](out)
        out = F.dropout(out, self.dropout, self.training) if self.dropout else out
        return out if onto is None else onto + out


class GatedLinear(nn.Linear):
    """Activation of the first half of x W' + b, times the second half, then dropout (Shazeer 2020).

    `(T, inputs)` to `(T, outputs)`; the weight has `2 * outputs` rows. An adapter as in `Linear`.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool, activation: Activation, dropout: float
    ) -> None:
        super().__init__(inputs, 2 * outputs, bias=bias)
        self.activation, self.dropout = activation, dropout
        self.adapter: LowRank | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = _product(self, x).chunk(2, dim=-1)
        out = ACTIVATIONS[self.activation](value) * gate
        return F.dropout(out, self.dropout, self.training) if self.dropout else out


def _product(linear: Linear | GatedLinear, x: torch.Tensor) -> torch.Tensor:
    out = F.linear(x, linear.weight, linear.bias)
    return out if linear.adapter is None else out + linear.adapter(x)


def weight_of(linear: nn.Linear) -> torch.Tensor:
    """The weight that a linear layer works with, its adapter's part in it."""
    weight: torch.Tensor = linear.weight
    if isinstance(linear, Linear | GatedLinear) and linear.adapter is not None:
        weight = weight + linear.adapter.weight
    return weight
