"""Model folders: opening what is published or saved here, and saving so that others open it.

A folder is `config.json`, `model.safetensors`, the tokenizer's files, `README.md`, and, where it
was saved here, `manifest.json` with the digests of all of them. Opening is strict: nothing is
guessed, and nothing that lies in a folder is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

import torch

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.checkpoint.building import build, check_place
from unmask.checkpoint.files import verify_if_manifest
from unmask.checkpoint.formats import (
    CONFIG,
    GENERATOR,
    HOLDS,
    LABELLED,
    Described,
    Format,
    check_vocabulary,
    describe,
)
from unmask.checkpoint.labels import check_labels, check_outputs, check_same, check_use
from unmask.checkpoint.locating import AnyPath, locate, model_folder
from unmask.checkpoint.origin import Origin, read_origin
from unmask.checkpoint.saving import save_model
from unmask.checkpoint.use import Outputs, Use, read_use
from unmask.checkpoint.weightfiles import read_weights
from unmask.errors import ModelError
from unmask.heads.model import (
    LanguageModel,
    PretrainingModel,
    SequenceClassifier,
    TokenClassifier,
)
from unmask.nn.config import Pooling
from unmask.nn.encoder import Encoder
from unmask.tokens.tokenizer import Tokenizer

__all__ = [
    "Opened",
    "model_folder",
    "open_classifier",
    "open_encoder",
    "open_language_model",
    "open_model",
    "save_model",
    "save_opened",
]

M = TypeVar(
    "M",
    Encoder,
    LanguageModel,
    PretrainingModel,
    SequenceClassifier,
    TokenClassifier,
    covariant=True,
)


@dataclass(frozen=True)
class Opened(Generic[M]):
    """A model from a folder, with what belongs to it.

    Attributes:
        model: the model, in evaluation mode.
        arch: its architecture.
        config: its configuration.
        tokenizer: its tokenizer.
        labels: names of the labels of a head that has them, in the order of its outputs.
        aside: stored weights that the model has no use for, such as another head's.
        new: parameters that were not stored but drawn, those of a new head. Announce them.
        kept: stored weights that nothing here computes with but others do, such as the pooler of a
            bare encoder; they are saved again with the model.
        format: the format of the folder.
        path: the folder that was read.
        origin: the model on the Hub that it was fetched from, or that the folder records as its
            source; else None.
        use: how the outputs of a head over sequences are read.
    """

    model: M
    arch: Arch[Any]
    config: PublishedConfig
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    aside: tuple[str, ...]
    new: tuple[str, ...]
    kept: Mapping[str, torch.Tensor]
    format: Format
    path: Path
    origin: Origin | None = None
    use: Use = field(default_factory=Use)


@dataclass(frozen=True)
class _Stored:
    """A folder that was read and checked, and not yet built."""

    path: Path
    said: Described
    tokenizer: Tokenizer
    weights: dict[str, torch.Tensor]
    origin: Origin | None


def open_model(
    path: AnyPath,
    kind: HeadKind | None = None,
    *,
    labels: tuple[str, ...] | None = None,
    pooling: Pooling | None = None,
    outputs: tuple[Outputs, ...] | None = None,
    new_head: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> Opened[Any]:
    """Open a folder as a model of any kind.

    Args:
        path: a model folder, the folder of a finished run, or a name on the Hub; see `locate`.
        kind: what the model is to end in; None for what is stored.
        labels: of a classifier or a tagger. Where the folder holds one: the labels of the data,
            which must be the model's own, in any order. Where it holds another kind: the labels of
            a new head, whose drawn parameters are named in `new`. Layers that the architecture's
            heads share are taken over, as the published ones do.
        pooling: of a new head over sequences; None for what `config.json` says.
        outputs: how those of a head over sequences may be read, and a new one's by the first of
            them; None for any, and for one label out of several.
        new_head: whether a head without labels may be drawn anew where the folder has none.
        seed: for the parameters of a new head.
        dtype: what the parameters become, whatever they are stored as.
        device: where they go.
        revision: branch, tag or commit of a name on the Hub; None for the default branch.

    Raises:
        ModelError: no model is there, or another kind; weights that do not fit are a
            WeightMapError, what is not served by name an UnsupportedModel.
        LabelMismatch: the folder's labels and those given are different sets.
        TokenizerError: the tokenizer's files are missing or broken.
        CheckpointError: a file is missing, or CorruptCheckpoint: differs from its digest.
    """
    check_place(device, dtype)
    stored = _read(path, revision)
    return _open(stored, kind, labels, pooling, outputs, new_head, seed, dtype, device)


def _open(
    stored: _Stored,
    kind: HeadKind | None,
    labels: tuple[str, ...] | None,
    pooling: Pooling | None,
    outputs: tuple[Outputs, ...] | None,
    new_head: bool,
    seed: int,
    dtype: torch.dtype,
    device: torch.device | str,
) -> Opened[Any]:
    """What was read as a model; see `open_model`."""
    said, config = stored.said, stored.said.config
    if said.fault is not None and kind != "encoder":
        raise said.fault
    kind = said.head if kind is None else kind
    _check_asked(kind, labels, pooling)
    use = Use(outputs=outputs[0]) if outputs else Use()
    if said.has(kind):
        if kind == "sequence":
            use = read_use(stored.path, said.outputs, said.labels)
            check_use(use.outputs, outputs or get_args(Outputs), said.labels)
        if labels is not None:
            check_same(said.labels, labels)
        if pooling is not None and pooling != config.classifier_pooling:
            raise ModelError(
                f"{stored.path} holds a classifier that pools otherwise than by {pooling!r}. Leave "
                "the pooling out, or start from a model without a classifier"
            )
        labels = said.labels if kind == said.head else ()
    else:
        _check_new(stored, kind, labels, new_head)
        if labels is not None:
            labels = check_outputs(labels) if use.outputs == "numbers" else check_labels(labels)
        labels = labels or ()
        config = config if pooling is None else _with_pooling(said.arch, config, pooling)
    try:
        built = build(
            said, stored.weights, kind, config, labels, seed=seed, dtype=dtype, device=device
        )
    except ModelError as error:
        raise type(error)(f"{stored.path}: {error}") from None
    return Opened(
        model=built.model,
        arch=said.arch,
        config=config,
        tokenizer=stored.tokenizer,
        labels=labels,
        aside=built.aside,
        new=built.new,
        kept=built.kept,
        format=said.format,
        path=stored.path,
        origin=stored.origin,
        use=use,
    )


def open_language_model(
    path: AnyPath,
    *,
    new_head: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> Opened[LanguageModel]:
    """Open a folder that holds a language model, or draw a head for an encoder that has none.

    Args and errors are as in `open_model`.
    """
    return open_model(
        path, "lm", new_head=new_head, seed=seed, dtype=dtype, device=device, revision=revision
    )


def open_classifier(
    path: AnyPath,
    *,
    labels: tuple[str, ...] | None = None,
    pooling: Pooling | None = None,
    outputs: tuple[Outputs, ...] = ("one", "several"),
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> Opened[SequenceClassifier]:
    """Open a folder as a classifier of sequences.

    Args:
        outputs: how its outputs may be read; a new head's are by the first of them.

    The other arguments and the errors are as in `open_model`.
    """
    check_place(device, dtype)
    stored = _read(path, revision)
    return _open(stored, "sequence", labels, pooling, outputs, False, seed, dtype, device)


def open_encoder(
    path: AnyPath,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> Opened[Encoder]:
    """Open a folder's encoder by itself, and set any head aside.

    Args and errors are as in `open_model`.
    """
    return open_model(path, "encoder", dtype=dtype, device=device, revision=revision)


def save_opened(
    path: AnyPath,
    opened: Opened[Any],
    *,
    format: Literal["auto"] | Format = "auto",
    card: str | None = None,
    replace: bool = False,
    also: Callable[[Path, Format], None] | None = None,
) -> Format:
    """Save a model with all that belongs to it as a folder that opens again, here and elsewhere.

    The arguments, what is returned and the errors are as in `save_model`.
    """
    return save_model(
        path,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
        kept=opened.kept,
        format=format,
        card=card,
        origin=opened.origin,
        use=opened.use,
        replace=replace,
        also=also,
    )


def _read(path: AnyPath, revision: str | None) -> _Stored:
    """Digests first, then what the folder says of itself, then its tokenizer and weights."""
    located = locate(path, revision)
    folder = located.folder
    verify_if_manifest(folder)
    weights = cache(lambda: read_weights(folder))
    said = describe(folder, weights)
    tokenizer = Tokenizer.from_pretrained(folder, require=said.arch.roles)
    check_vocabulary(tokenizer, said.config, str(folder))
    origin = located.origin or read_origin(folder)
    return _Stored(folder, said, tokenizer, weights(), origin)


def _check_asked(kind: HeadKind, labels: tuple[str, ...] | None, pooling: Pooling | None) -> None:
    """Refuse what a model of that kind has no use for."""
    if kind not in HOLDS:
        raise ModelError(f"kind must be one of {', '.join(HOLDS)}, not {kind!r}")
    if labels is not None and kind not in LABELLED:
        raise ModelError(
            f"{HOLDS[kind]} has no labels, and these were given: {labels}. Leave them out"
        )
    if pooling is not None and kind != "sequence":
        raise ModelError(
            f"{HOLDS[kind]} does not pool, and pooling={pooling!r} was given. Leave it out"
        )


def _check_new(
    stored: _Stored, kind: HeadKind, labels: tuple[str, ...] | None, new_head: bool
) -> None:
    """Refuse a head that is not there and was not asked for as a new one."""
    if kind in LABELLED and labels is None:
        raise ModelError(
            f"{stored.path} must hold {HOLDS[kind]}, but holds {stored.said.holds}. "
            "Fine-tune one from it: unmask finetune"
        )
    if kind not in LABELLED and not new_head:
        raise ModelError(
            f"{stored.path} must hold {HOLDS[kind]}, but holds {stored.said.holds}. "
            f"{_instead(stored, kind)}"
        )


def _instead(stored: _Stored, kind: HeadKind) -> str:
    """What to open where a folder has no such head."""
    beside = stored.path.parent / GENERATOR
    if kind == "lm" and stored.said.head == "discriminator" and (beside / CONFIG).is_file():
        return f"The generator that it was trained with is one: use {beside}"
    return "Use the folder that it was made from, or train one"


def _with_pooling(arch: Arch[Any], config: PublishedConfig, pooling: Pooling) -> PublishedConfig:
    changed: PublishedConfig = arch.check({**config.model_dump(), "classifier_pooling": pooling})
    return changed
