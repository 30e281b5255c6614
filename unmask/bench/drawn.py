"""Models with drawn weights for the comparisons: what they cost does not depend on the weights."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from unmask.arch.registry import arch_of, size_of, sized_config
from unmask.arch.spec import HeadKind
from unmask.bench.texts import minilm
from unmask.checkpoint.building import Model
from unmask.checkpoint.saving import save_model
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise
from unmask.tokens.tokenizer import Tokenizer

SIZE, FEW = "6x384", "2x128"
"""Layers and width, in a real run and in a smoke test; heads are 64 wide."""


def drawn(
    folder: Path,
    arch: str,
    kind: HeadKind,
    *,
    size: str,
    context: int,
    labels: tuple[str, ...] = (),
) -> int:
    """Save a model with the tokens of all-MiniLM-L6-v2 as a folder that both libraries open.

    What is in the folder already is kept.

    Args:
        folder: where it goes.
        arch: its architecture.
        kind: "encoder", "sequence" or "lm".
        size: its layers and width, as `SIZE` has them.
        context: its longest text.
        labels: of a sequence head.

    Returns:
        The number of its parameters.
    """
    tokenizer = Tokenizer.from_pretrained(minilm())
    found, (layers, width, _) = arch_of(arch), size_of(arch, size)
    vocab, pad = tokenizer.vocab_size, tokenizer.pad_id
    config = sized_config(arch, size, vocab_size=vocab, context=context, pad_token_id=pad)
    encoder = found.encoder(config)
    model: Model
    match kind:
        case "sequence":
            model = SequenceClassifier(encoder, found.sequence_head(config, labels))
        case "lm":
            model = LanguageModel(encoder, found.lm_head(config))
        case _:
            model = Encoder(encoder)
    if not folder.is_dir():
        # Products keep about the size of what they read: so scores spread by one, and attention
        # tells tokens apart.
        initialise(model, 1 / math.sqrt(width), layers, torch.Generator().manual_seed(0))
        save_model(
            folder,
            model,
            arch=found,
            config=config,
            tokenizer=tokenizer,
            labels=labels,
            format="hf",
        )
    return sum(parameter.numel() for parameter in model.parameters())
