"""Dropout of a training run, which is no property of the model that comes out of it."""

from __future__ import annotations

from torch import nn

from unmask.nn.attention import Attention
from unmask.nn.mlp import Mlp


def set_dropout(model: nn.Module, share: float) -> None:
    """Drop this share of hidden units while the model is in training mode.

    They are dropped where BERT drops them: behind the embedding, where attention and the
    feed-forward block are added, between the layers of an LSTM and before the last layer of a head.
    Nothing within a block is, which has several times as many units to draw for, nor tables of
    distances; nor attention probabilities, since those would force the kernel that writes out all
    scores. The model's configuration stays as it is.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
    for module in model.modules():
        if isinstance(module, Attention):
            module.dropout, module.qkv.dropout, module.out.dropout = 0.0, 0.0, share
            for table in module.modules():
                if isinstance(table, nn.Dropout):
                    table.p = 0.0
        elif isinstance(module, Mlp):
            module.up.dropout, module.down.dropout = 0.0, share
