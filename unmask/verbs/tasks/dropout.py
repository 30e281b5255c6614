"""Dropout of a training run, which is no property of the model that comes out of it."""

from __future__ import annotations

from torch import nn

from unmask.nn.attention import Attention
from unmask.nn.linear import GatedLinear, Linear


def set_dropout(model: nn.Module, share: float) -> None:
    """Drop this share of hidden units in training, and no attention probabilities.

    Dropping those would force the kernel that writes out all scores. The model's configuration
    is left as it is: what is dropped in training is no property of the finished model.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(module, Linear | GatedLinear):
            module.dropout = share
        elif isinstance(module, Attention):
            module.dropout = 0.0
