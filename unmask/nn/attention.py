"""Self-attention over a flat row of tokens.

Shape suffixes: T tokens, H heads, K width of a head, R distances.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unmask.nn.config import AttentionConfig, Disentangled
from unmask.nn.kernels import attend
from unmask.nn.layout import Layout
from unmask.nn.linear import Linear, weight_of
from unmask.nn.position import Rotation, rotate
from unmask.nn.relative import DistanceScores, DistanceTable, Place


class Attention(nn.Module):
    """Project to queries, keys and values at once, attend within each sequence, project back.

    `qkv` holds the three projections as one matrix, queries first, each head's rows together.
    """

    def __init__(self, width: int, config: AttentionConfig) -> None:
        super().__init__()
        head = config.width_of_head(width)
        self.heads, self.groups = config.heads, config.key_heads
        self.qkv = Linear(width, (self.heads + 2 * self.groups) * head, bias=config.bias)
        out_bias = config.bias if config.out_bias is None else config.out_bias
        self.out = Linear(self.heads * head, width, bias=out_bias, dropout=config.out_dropout)
        self.distance_drop, self.scale = _of_distances(config, head)
        self.window, self.causal, self.dropout = config.window, config.causal, config.dropout

    def forward(
        self, x: torch.Tensor, layout: Layout, place: Place, onto: torch.Tensor
    ) -> torch.Tensor:
        """`(T, D)` to `(T, D)`, added onto `onto`.

        Args:
            x: hidden states.
            layout: where the sequences lie.
            place: what this layer is told of positions.
            onto: what the output is added to.
        """
        heads = [self.heads, self.groups, self.groups]
        qkv = self.qkv(x).view(x.shape[0], sum(heads), -1)
        if isinstance(place, Rotation):
            qk, v = torch.split(qkv, [self.heads + self.groups, self.groups], dim=1)
            q, k = torch.split(rotate(qk, place), heads[:2], dim=1)
        else:
            q, k, v = torch.split(qkv, heads, dim=1)
        mixed = attend(
            q,
            k,
            v,
            layout,
            window=self.window,
            causal=self.causal or layout.causal,
            bias=self.bias_of(place),
            dropout=self.dropout if self.training else 0.0,
            scale=self.scale,
        )
        out: torch.Tensor = self.out(mixed.flatten(1), onto)
        return out

    def bias_of(self, place: Place) -> torch.Tensor | DistanceScores | None:
        """What `place` adds to the scores."""
        if not isinstance(place, DistanceTable):
            return None if isinstance(place, Rotation) else place
        width = self.heads * (self.qkv.out_features // (self.heads + 2 * self.groups))
        table = self.distance_drop(place.table)
        bias = None if self.qkv.bias is None else self.qkv.bias[: 2 * width]
        queries, keys = F.linear(table, weight_of(self.qkv)[: 2 * width], bias).chunk(2, dim=-1)
        shape = (len(table), self.heads, -1)
        return DistanceScores(queries.view(shape), keys.view(shape), place.index, place.terms)


def _of_distances(config: AttentionConfig, head: int) -> tuple[nn.Module, float | None]:
    """Dropout of the distance table, and the scale of the scores; None for 1 / sqrt(K)."""
    if isinstance(config.position, Disentangled):
        products = 1 + len(config.position.terms)
        return nn.Dropout(config.position.dropout), (head * products) ** -0.5
    return nn.Identity(), None
