"""One residual layer."""

from __future__ import annotations

import torch
from torch import nn

from unmask.nn.attention import Attention
from unmask.nn.config import LayerConfig, RecurrentConfig
from unmask.nn.layout import Layout
from unmask.nn.mlp import Mlp
from unmask.nn.norm import build_norm
from unmask.nn.recurrent import RecurrentLayer
from unmask.nn.relative import Place


def build_layer(width: int, config: LayerConfig | RecurrentConfig) -> nn.Module:
    """The layer that the record asks for."""
    if isinstance(config, RecurrentConfig):
        return RecurrentLayer(width, config)
    return Layer(width, config)


class Layer(nn.Module):
    """Attention, then the feed-forward block, each added to what came in.

    The four norm slots make it pre-norm, post-norm or both; an empty slot is identity.
    """

    def __init__(self, width: int, config: LayerConfig) -> None:
        super().__init__()
        self.before_attention = build_norm(width, config.before_attention)
        self.attention = Attention(width, config.attention)
        self.after_attention = build_norm(width, config.after_attention)
        self.before_mlp = build_norm(width, config.before_mlp)
        self.mlp = Mlp(width, config.mlp)
        self.after_mlp = build_norm(width, config.after_mlp)

    def forward(self, x: torch.Tensor, layout: Layout, place: Place) -> torch.Tensor:
        """`(T, D)` to `(T, D)`."""
        x = self.after_attention(self.attention(self.before_attention(x), layout, place, onto=x))
        out: torch.Tensor = self.after_mlp(self.mlp(self.before_mlp(x), onto=x))
        return out
