"""Self-attention over a flat row of tokens."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.config import AttentionConfig
from unmask.nn.kernels import attend
from unmask.nn.layout import Layout
from unmask.nn.position import Rotation, rotate


class Attention(nn.Module):
    """Project to queries, keys and values at once, attend within each sequence, project back.

    `qkv` holds the three projections as one matrix, queries first, each head's rows together.
    """

    def __init__(self, width: int, config: AttentionConfig) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=config.bias)
        self.out = nn.Linear(width, width, bias=config.bias)
        self.out_drop = nn.Dropout(config.out_dropout)
        self.heads, self.window, self.dropout = config.heads, config.window, config.dropout

    def forward(self, x: torch.Tensor, layout: Layout, table: Rotation | None) -> torch.Tensor:
        """`(T, D)` to `(T, D)`; `table` turns queries and keys, None leaves them."""
        qkv = self.qkv(x).view(x.shape[0], 3, self.heads, -1)
        qk, v = qkv.split((2, 1), dim=1)
        q, k = (qk if table is None else rotate(qk, table)).unbind(1)
        dropout = self.dropout if self.training else 0.0
        mixed = attend(q, k, v.squeeze(1), layout, window=self.window, dropout=dropout)
        out: torch.Tensor = self.out_drop(self.out(mixed.flatten(1)))
        return out
