"""The language model of a run: new, or begun from another; and batches of its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unmask.arch.registry import arch_of, sized_config
from unmask.arch.spec import HeadKind, PublishedConfig
from unmask.batches.loader import PretrainingBatches
from unmask.checkpoint.building import bare
from unmask.checkpoint.folder import save_model
from unmask.errors import ConfigError
from unmask.nn.init import initialise
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.learning.pieces import Given
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.start_settings import Start, start_config
from unmask.verbs.starting import Begun, begin


def config_of(
    settings: PretrainSettings, start: Start | None, vocab_size: int, pad_id: int
) -> PublishedConfig:
    """The configuration of a model of the wanted size, or of the model to start from."""
    wanted = settings.model
    if start is not None:
        return start_config(start, wanted.layers, wanted.arch, wanted.context)
    extra = {"norm": wanted.norm} if wanted.arch == "modernbert" else {}
    if wanted.norm != "layer" and not extra:
        raise ConfigError(f"norm {wanted.norm!r} is for modernbert; {wanted.arch} has layer norms")
    return sized_config(
        wanted.arch,
        wanted.size,
        vocab_size=vocab_size,
        context=wanted.context,
        pad_token_id=pad_id,
        **extra,
    )


def begun(given: Given, kind: HeadKind = "lm") -> Begun[Any]:
    """The model that a run begins with, on its device; it ends in a head of that kind."""
    tokenizer = given.prepared.tokenizer
    made = (
        _new(given.settings, tokenizer, kind)
        if given.start is None
        else begin(given.settings, given.start, tokenizer, kind)
    )
    made.model.to(given.device)
    return made


def _new(settings: PretrainSettings, tokenizer: Tokenizer, kind: HeadKind) -> Begun[Any]:
    """A model of the wanted size with drawn weights."""
    config = config_of(settings, None, tokenizer.vocab_size, tokenizer.pad_id)
    arch = arch_of(settings.model.arch)
    model = bare(arch, kind, config, ())
    depth = config.num_hidden_layers
    draws = torch.Generator().manual_seed(settings.run.seed)
    initialise(model, settings.model.std, depth, draws)
    return Begun(arch, config, model, ())


def saver(given: Given, made: Begun[Any]) -> Callable[[Path, str], None]:
    """What writes the finished model; takes the folder and the card."""

    def save(folder: Path, card: str) -> None:
        save_model(
            folder,
            made.model.float(),
            arch=made.arch,
            config=made.config,
            tokenizer=given.prepared.tokenizer,
            origin=made.origin,
            card=card,
        )

    return save


def text_batches(given: Given, readings: int = 1, window: int | None = None) -> PretrainingBatches:
    """Batches of the training text, each document by itself.

    Args:
        readings: how often a step reads each text; the tokens of a step are those of all readings.
        window: batches that are sorted by length together; None for as many as the settings say.
    """
    settings, layout = given.settings, given.prepared.tokenizer.layout
    store = given.prepared.store
    return PretrainingBatches.over(
        store.tokens,
        store.offsets,
        prefix=layout.prefix,
        suffix=layout.suffix,
        context=settings.model.context,
        budget=settings.budget.tokens_per_step // settings.budget.accumulate // readings,
        seed=settings.run.seed,
        window=settings.budget.window if window is None else window,
        on_long=settings.budget.on_long,
        # A store with words serves objectives that do not ask for them too.
        begins=None if given.prepared.words is None else store.begins,
    )


def cuts(source: PretrainingBatches, context: int) -> tuple[str, ...]:
    """What happened to documents that are longer than the context, as a note."""
    sequences = source.sequences
    if not sequences.long_documents:
        return ()
    what = (
        f"{sequences.tokens_cut:,} tokens of them were left out (--on-long truncate)"
        if sequences.tokens_cut
        else "they were split into sequences"
    )
    return (
        f"{sequences.long_documents:,} documents are longer than the context of {context} tokens; "
        f"{what}",
    )
