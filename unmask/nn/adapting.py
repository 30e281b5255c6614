"""Low-rank adaptation of an encoder (LoRA, Hu et al. 2021): put on, and taken into the weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from unmask.errors import ConfigError
from unmask.nn.encoder import Encoder
from unmask.nn.linear import GatedLinear, Linear
from unmask.nn.low_rank import LowRank

LinearName = Literal["qkv", "out", "up", "down"]
"""The linear layers of a layer: attention's to queries, keys and values at once, and back; the
feed-forward block's, up and down."""


def adapt(
    encoder: Encoder,
    rank: int,
    alpha: float,
    names: tuple[LinearName, ...],
    generator: torch.Generator,
) -> None:
    """Freeze an encoder and put thin matrices beside its linear layers, which alone are trained.

    Queries, keys and values are one matrix here, and so are the two halves of a gated unit: they
    share the thin matrix that reads, and each has its own rows of the one that writes.

    Args:
        encoder: changed in place.
        rank: of what is added.
        alpha: what is added is scaled by alpha / rank.
        names: of the linear layers.
        generator: of the first weights, normal with a variance of 1 / inputs; on the CPU.

    Raises:
        ConfigError: the rank is not below the width, or no layer has such a linear layer.
    """
    width = encoder.config.width
    if rank >= width:
        raise ConfigError(
            f"the rank of LoRA must be below the encoder's width, {width}, from where on it saves "
            f"nothing, not {rank}; lower --lora, or leave it out to train all weights"
        )
    found = [
        module
        for name, module in encoder.layers.named_modules()
        if isinstance(module, Linear | GatedLinear) and name.rpartition(".")[2] in names
    ]
    if not found:
        raise ConfigError(
            f"LoRA adapts the linear layers {', '.join(names)} of attention and feed-forward "
            "blocks, but this encoder is recurrent and has none; leave --lora out, or give --freeze"
        )
    encoder.requires_grad_(False)
    for module in found:
        outputs, inputs = module.weight.shape
        adapter = LowRank(inputs, outputs, rank, alpha / rank)
        nn.init.normal_(adapter.down, std=inputs**-0.5, generator=generator)
        module.adapter = adapter.to(module.weight)


@torch.no_grad()
def merge(encoder: Encoder) -> None:
    """Add what was learnt to the weights, which leaves an ordinary encoder, all of it trainable."""
    for module in encoder.modules():
        if isinstance(module, Linear | GatedLinear) and module.adapter is not None:
            module.weight += module.adapter.weight
            module.adapter = None
    encoder.requires_grad_(True)
