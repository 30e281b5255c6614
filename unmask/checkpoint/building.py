"""A model object out of named weights, and named weights out of a model object."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.arch.weights import Rule, asides, read, renewed, write
from unmask.checkpoint.formats import Described
from unmask.checkpoint.weightfiles import FLOATS
from unmask.errors import ModelError, UnsupportedModel
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise

Model = Encoder | LanguageModel | SequenceClassifier


@dataclass(frozen=True, slots=True)
class Built:
    """A model with its weights; which stored ones it does not use, and which of its own are new."""

    model: Model
    aside: tuple[str, ...]
    new: tuple[str, ...]


def kind_of(model: nn.Module) -> HeadKind:
    """What a model ends in.

    Raises:
        ModelError: it is none of the models here.
    """
    kinds: dict[type[nn.Module], HeadKind] = {
        Encoder: "encoder",
        LanguageModel: "lm",
        SequenceClassifier: "sequence",
    }
    if type(model) not in kinds:
        raise ModelError(
            f"a model to save must be one of {', '.join(k.__name__ for k in kinds)}, not a "
            f"{type(model).__name__}"
        )
    return kinds[type(model)]


def build(
    said: Described,
    weights: Mapping[str, torch.Tensor],
    kind: HeadKind,
    config: PublishedConfig,
    labels: tuple[str, ...],
    *,
    seed: int,
    dtype: torch.dtype,
    device: torch.device | str,
) -> Built:
    """Put stored weights into a model of the wanted kind, in evaluation mode.

    Args:
        said: what the folder says of itself.
        weights: as stored.
        kind: what the model is to end in. Where the folder ends otherwise, its head is set aside,
            and a sequence head begins with what the architecture shares between heads.
        config: of the model; the folder's, or one that differs in the head.
        labels: of the sequence head.
        seed: for parameters that are new.
        dtype: of all parameters.
        device: where they go.

    Raises:
        WeightMapError: a weight has no place, a place no weight, or a shape differs.
        UnsupportedModel: quantised weights, or a dtype that is not a common float.
    """
    if dtype not in FLOATS:
        raise UnsupportedModel(f"models are opened as a common float type, not as {dtype}")
    arch = said.arch
    if said.format == "unmask":
        weights = write(arch.weights + arch.head_weights(said.head), arch.prefix, weights)
    else:
        weights = renewed(weights, arch.old_endings)
    with torch.device("meta"):
        # No memory and no random numbers before it is known that the weights fit.
        model = _bare(arch, kind, config, labels)
    places = {_our_name(kind, name): p.shape for name, p in model.named_parameters()}
    changed = kind != said.head
    rules = _rules(arch, said.head, kind)
    fresh = "head." if kind == "sequence" and changed else ""
    ours, aside, new = read(rules, arch.prefix, weights, places, fresh)
    if strange := sorted(name for name, tensor in ours.items() if tensor.dtype not in FLOATS):
        raise UnsupportedModel(
            f"weights must be of a common float type, but {strange[0]} is of "
            f"{ours[strange[0]].dtype}: quantised models are not served"
        )
    if new:
        assert isinstance(model, SequenceClassifier)
        drawn = _drawn(model, config.initializer_range, seed)
        ours |= {name: drawn[name] for name in new}
    state = {name: ours[_our_name(kind, name)] for name, _ in model.named_parameters()}
    state = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items()}
    model.load_state_dict(state, assign=True)
    return Built(model.eval(), aside, new)


def named_weights(model: Model) -> dict[str, torch.Tensor]:
    """A model's parameters by our names, which begin with `encoder.` or `head.`."""
    kind = kind_of(model)
    return {_our_name(kind, name): tensor for name, tensor in model.named_parameters()}


def published_weights(arch: Arch[Any], model: Model) -> dict[str, torch.Tensor]:
    """A model's parameters by their published names.

    Raises:
        WeightMapError: one has no published name.
    """
    kind = kind_of(model)
    prefix = "" if kind == "encoder" else arch.prefix
    return write(arch.weights + arch.head_weights(kind), prefix, named_weights(model))


def check_made_of(
    arch: Arch[Any], config: PublishedConfig, labels: tuple[str, ...], model: Model
) -> None:
    """Check that a model is the one that a configuration describes.

    Raises:
        ModelError: it is not; the message says which part differs.
    """
    pairs: list[tuple[str, object, object]] = []
    match model:
        case Encoder():
            pairs.append(("encoder", model.config, arch.encoder(config)))
        case LanguageModel():
            pairs.append(("encoder", model.encoder.config, arch.encoder(config)))
            pairs.append(("head", model.head_config, arch.lm_head(config)))
        case SequenceClassifier():
            pairs.append(("encoder", model.encoder.config, arch.encoder(config)))
            pairs.append(("head", model.head_config, arch.sequence_head(config, labels)))
    for part, has, described in pairs:
        if has != described:
            raise ModelError(
                f"the {part} of the model to save is not what its configuration describes: "
                f"it is {has}, and the configuration says {described}"
            )


def _bare(
    arch: Arch[Any], kind: HeadKind, config: PublishedConfig, labels: tuple[str, ...]
) -> Model:
    encoder = arch.encoder(config)
    match kind:
        case "encoder":
            return Encoder(encoder)
        case "lm":
            return LanguageModel(encoder, arch.lm_head(config))
        case "sequence":
            return SequenceClassifier(encoder, arch.sequence_head(config, labels))


def _our_name(kind: HeadKind, name: str) -> str:
    return f"encoder.{name}" if kind == "encoder" else name


def _rules(arch: Arch[Any], stored: HeadKind, kind: HeadKind) -> tuple[Rule, ...]:
    """The table that reads a stored model of one kind as another."""
    own = arch.head_weights(kind)
    if stored == kind != "encoder":
        return arch.weights + own
    # What is stored as an encoder may have a pooler. A new head takes what it has a place for.
    rest = (*own, *arch.lm_weights, *arch.sequence_weights)
    return arch.weights + own + asides(rest, "a head that is not opened here")


def _drawn(model: SequenceClassifier, std: float, seed: int) -> dict[str, torch.Tensor]:
    """First weights for the model's head, by name."""
    head = copy.deepcopy(model.head).to_empty(device="cpu")
    depth = len(model.encoder.config.layers)
    initialise(head, std, depth, torch.Generator().manual_seed(seed))
    return {f"head.{name}": parameter.detach() for name, parameter in head.named_parameters()}
