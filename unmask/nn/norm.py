"""Normalisation over the last dimension."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.config import NormConfig


def build_norm(width: int, config: NormConfig | None) -> nn.Module:
    """The norm that fills a slot; identity for an empty one."""
    if config is None:
        return nn.Identity()
    if config.kind == "rms":
        return RMSNorm(width, eps=config.eps)
    return LayerNorm(width, eps=config.eps, bias=config.bias)


class LayerNorm(nn.LayerNorm):
    """Mean zero and variance one, then a learned weight and bias (Ba et al. 2016).

    Attributes:
        widens: whether inputs of a narrower type than the parameters are computed in theirs, and
            come out in their own: for a device whose kernel does not take two types at once.
    """

    widens = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.widens:
            return super().forward(x)
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class RMSNorm(nn.Module):
    """Scale to a root mean square of one, then by a learned weight (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # In float32 whatever the input: the mean square of bf16 values loses half its digits.
        scaled = nn.functional.rms_norm(x.float(), (x.shape[-1],), eps=self.eps)
        return (scaled * self.weight).to(x.dtype)
