"""Two thin matrices beside a linear layer that stays as it is (Hu et al. 2021)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class LowRank(nn.Module):
    """What is added to a linear layer's output: `scale` x up(down(x)).

    `(T, inputs)` to `(T, outputs)`. The second matrix begins as zeros, so that nothing is added
    before the first step.
    """

    def __init__(self, inputs: int, outputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Scaled where there is least to multiply.
        return F.linear(F.linear(x, self.down) * self.scale, self.up)

    @property
    def weight(self) -> torch.Tensor:
        """`(outputs, inputs)`: as one matrix."""
        return self.scale * (self.up @ self.down)
