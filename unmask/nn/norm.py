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
    return nn.LayerNorm(width, eps=config.eps, bias=config.bias)


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
