"""Small models with every weight away from its starting value, and batches for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from unmask.arch.registry import ARCHS, arch_of, sized_config
from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.heads.model import LanguageModel
from unmask.nn.config import EncoderConfig, LayerConfig
from unmask.nn.encoder import Encoder

VOCAB = 61
ARCHITECTURES = (*ARCHS, "modernbert-rms")


def settings_of(
    name: str, *, layers: int = 4, width: int = 128, context: int = 512
) -> EncoderConfig:
    """An architecture by name; the windows of ModernBERT reach three tokens to each side."""
    arch, _, norm = name.partition("-")
    extra = {"norm": norm} if norm else {}
    config = sized_config(
        arch, f"{layers}x{width}", vocab_size=VOCAB, context=context, pad_token_id=0, **extra
    )
    encoder: EncoderConfig = arch_of(arch).encoder(config)

    def narrowed(window: int | None) -> int | None:
        return None if window is None else 3

    layers = (
        replace(c, attention=replace(c.attention, window=narrowed(c.attention.window)))
        if isinstance(c, LayerConfig)
        else c
        for c in encoder.layers
    )
    return replace(encoder, layers=tuple(layers))


def shaken(model: nn.Module, seed: int = 0) -> nn.Module:
    """The same model with random weights, large enough that every token matters to every other."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        scale = 0.3 if parameter.dim() < 2 else parameter.shape[1] ** -0.5
        one = 1.0 if parameter.dim() < 2 and name.endswith("weight") else 0.0
        parameter.data = one + scale * torch.randn(parameter.shape, generator=generator)
    return model


def encoder_of(name: str, **size: int) -> Encoder:
    """A shaken encoder."""
    model = shaken(Encoder(settings_of(name, **size)))
    assert isinstance(model, Encoder)
    return model


def language_model(
    name: str = "modernbert", *, vocab: int = VOCAB, size: str = "2x64"
) -> LanguageModel:
    """A language model as `pretrain` builds it, unshaken, its weights from PyTorch's generator."""
    arch = arch_of(name)
    config = sized_config(name, size, vocab_size=vocab, context=64, pad_token_id=0)
    return LanguageModel(arch.encoder(config), arch.lm_head(config))


def random_rows(lengths: tuple[int, ...], seed: int = 0, vocab: int = VOCAB) -> list[list[int]]:
    """Sequences of random ids with these lengths."""
    random = np.random.default_rng(seed)
    return [random.integers(0, vocab, length).tolist() for length in lengths]


def random_batch(lengths: tuple[int, ...], seed: int = 0, vocab: int = VOCAB) -> Batch:
    """The same as a batch."""
    return pack(random_rows(lengths, seed, vocab))
