"""Saving a model as a folder, in the format that fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.checkpoint.building import (
    KEPT,
    Model,
    check_made_of,
    encoder_of,
    kind_of,
    named_weights,
    published_weights,
)
from unmask.checkpoint.files import publish
from unmask.checkpoint.formats import (
    CONFIG,
    HOLDS,
    LABELLED,
    Format,
    check_vocabulary,
    own_config,
    published_config,
)
from unmask.checkpoint.int8 import calibration_of, write_calibration
from unmask.checkpoint.jsonfile import render_json
from unmask.checkpoint.labels import check_outputs
from unmask.checkpoint.origin import Origin, write_origin
from unmask.checkpoint.use import PLAIN, Use, write_use
from unmask.checkpoint.weightfiles import SINGLE, write_weights
from unmask.errors import ModelError, UnsupportedModel
from unmask.tokens.tokenizer import Tokenizer

_CARD = "README.md"


def save_model(
    path: str | os.PathLike[str],
    model: Model,
    *,
    arch: Arch[Any],
    config: PublishedConfig,
    tokenizer: Tokenizer,
    labels: tuple[str, ...] = (),
    kept: Mapping[str, torch.Tensor] | None = None,
    format: Literal["auto"] | Format = "auto",
    card: str | None = None,
    origin: Origin | None = None,
    use: Use = PLAIN,
    replace: bool = False,
    also: Callable[[Path, Format], None] | None = None,
) -> Format:
    """Save a model as a folder, whole or not at all.

    Args:
        path: the folder to make.
        model: an encoder, by itself or with a head.
        arch: its architecture.
        config: the configuration that it was built from.
        tokenizer: its tokenizer.
        labels: names of the labels of a head that has them, in the order of its outputs.
        kept: weights of the published class that nothing here computes with, by published name;
            see `Opened.kept`.
        format: "hf" is what `transformers` opens, "unmask" our own, "auto" the first where it can
            express the model.
        card: the text of `README.md`; None for a few lines that say what the folder is.
        origin: the model on the Hub that this one comes from, recorded as `source.json`.
        use: how the outputs of a head over sequences are read.
        replace: whether a folder that was saved there before may be replaced.
        also: is given the new folder and its format before it is put in place, to add files of
            a wider format or fields of `config.json`.

    Returns:
        The format that was used.

    Raises:
        UnsupportedModel: the format asked for cannot express the model; it says what.
        ModelError: model, configuration, labels and tokenizer do not belong together.
        CheckpointError: the folder is taken, or the disk is full.
    """
    check_format(format)
    kind, encoder = _kind_with(model, labels), arch.encoder(config)
    check_made_of(arch, config, labels, model)
    check_vocabulary(tokenizer, config, "the tokenizer")
    format, document, weights = _in_format(format, model, arch, config, tokenizer, labels, use)
    weights |= {name if format == "hf" else KEPT + name: w for name, w in (kept or {}).items()}
    text = card if card is not None else _plain_card(arch, kind, model, labels)
    limit = min(tokenizer.settings.model_max_length or encoder.context, encoder.context)

    def write(folder: Path) -> None:
        (folder / CONFIG).write_bytes(render_json(document))
        write_weights(folder / SINGLE, weights)
        tokenizer.save_pretrained(
            folder, model_max_length=limit, segments=encoder.embedding.segments > 0
        )
        (folder / _CARD).write_text(text, encoding="utf-8")
        write_origin(folder, origin)
        write_use(folder, use, labels)
        write_calibration(folder, calibration_of(encoder_of(model)))
        if also is not None:
            also(folder, format)

    tokens = 64 * tokenizer.vocab_size  # about the bytes of its file
    size = sum(w.nbytes for w in weights.values()) + tokens + (1 << 16)
    publish(Path(path), write, replace=replace, size=size)
    return format


def _kind_with(model: Model, labels: tuple[str, ...]) -> HeadKind:
    """What a model ends in, checked against the labels that it is to have."""
    kind = kind_of(model)
    if kind in LABELLED:
        check_outputs(labels)
    elif labels:
        raise ModelError(f"{HOLDS[kind]} has no labels, and these were given: {labels}")
    return kind


def check_format(format: str) -> None:
    """Check the word for a format.

    Raises:
        ModelError: there is none of that name, or not for a model by itself.
    """
    known = ("auto", *get_args(Format))
    if format == "sentence-transformers":
        raise ModelError(
            "a folder of sentence-transformers says how texts become vectors or scores: open the "
            "model with unmask.Embedder (and pooling=...) or unmask.Reranker and save that, or use "
            "unmask convert --format sentence-transformers"
        )
    if format not in known:
        raise ModelError(f"format must be one of {', '.join(known)}, not {format!r}")


def _in_format(
    format: Literal["auto"] | Format,
    model: Model,
    arch: Arch[Any],
    config: PublishedConfig,
    tokenizer: Tokenizer,
    labels: tuple[str, ...],
    use: Use,
) -> tuple[Format, dict[str, Any], dict[str, torch.Tensor]]:
    """The format to use, the content of `config.json`, and the weights by their names."""
    kind = kind_of(model)
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    if format != "unmask":
        try:
            document = published_config(arch, config, kind, labels, tokenizer, dtype, use)
            return "hf", document, published_weights(arch, config, model)
        except UnsupportedModel:
            if format == "hf":
                raise
    return "unmask", own_config(arch, config, kind, labels), named_weights(model)


def _plain_card(arch: Arch[Any], kind: HeadKind, model: Model, labels: tuple[str, ...]) -> str:
    """What can be said of a model without knowing how it was made."""
    from unmask import __version__

    count = sum(parameter.numel() for parameter in model.parameters())
    lines = [
        f"# {HOLDS[kind].capitalize()} of the {arch.name} architecture",
        "",
        f"Saved by unmask {__version__}, with {count:,} parameters. How it was trained, on which "
        "data and how good it is was not recorded.",
    ]
    if labels:
        lines += ["", f"Labels: {', '.join(labels)}."]
    return "\n".join([*lines, ""])
