"""A model object out of named weights, and named weights out of a model object."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.arch.weights import Rule, asides, read, renewed, write
from unmask.checkpoint.formats import Described
from unmask.checkpoint.weightfiles import FLOATS, check_finite
from unmask.errors import ConfigError, ModelError, UnsupportedModel
from unmask.heads.model import (
    LanguageModel,
    PretrainingModel,
    SequenceClassifier,
    TokenClassifier,
)
from unmask.nn.config import (
    LMHeadConfig,
    PretrainingHeadConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
)
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise

Model = Encoder | LanguageModel | PretrainingModel | SequenceClassifier | TokenClassifier

# Before the name of a stored weight that nothing here computes with, in our own format.
KEPT = "kept."
LAST = "head.project.*"  # our name of the last layer of a head that scores labels
_HEADS = ("head", "pairs")  # our names of what a model has besides its encoder


@dataclass(frozen=True, slots=True)
class Built:
    """A model with its weights.

    Attributes:
        aside: names of stored weights that it does not use.
        new: names of its own that were drawn.
        kept: weights of the published class that nothing here computes with, by published name.
    """

    model: Model
    aside: tuple[str, ...]
    new: tuple[str, ...]
    kept: Mapping[str, torch.Tensor]


def encoder_of(model: Model) -> Encoder:
    """The encoder of a model, which may be all of it."""
    return model if isinstance(model, Encoder) else model.encoder


def kind_of(model: nn.Module) -> HeadKind:
    """What a model ends in.

    Raises:
        ModelError: it is none of the models here.
    """
    match model:
        case Encoder():
            return "encoder"
        case LanguageModel():
            return "lm"
        case PretrainingModel():
            return "pretraining"
        case SequenceClassifier():
            return "sequence"
        case TokenClassifier():
            return model.head_config.task
    raise ModelError(
        "a model to save must be one of Encoder, LanguageModel, PretrainingModel, "
        f"SequenceClassifier, TokenClassifier, not a {type(model).__name__}"
    )


def device_here(device: torch.device | str, words: str) -> torch.device:
    """A device by name, checked to be there.

    Args:
        words: what may be given, for the message.

    Raises:
        ConfigError: no such device here.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ConfigError(f"device must be {words}, not {device!r}") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda was asked for, but PyTorch finds no GPU here; use cpu")
    return found


def check_place(device: torch.device | str, dtype: torch.dtype) -> None:
    """Check that a model can be put on a device in a type.

    Raises:
        ConfigError: there is no such device here, or it is no common float type.
    """
    device_here(device, "cpu, cuda, cuda:NUMBER or another of PyTorch's")
    if dtype not in FLOATS:
        raise ConfigError(
            "dtype must be one of PyTorch's float types, such as torch.float32 or torch.bfloat16, "
            f"not {dtype!r}"
        )


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
            and a new one begins with what the architecture shares between heads.
        config: of the model; the folder's, or one that differs in the head.
        labels: of a head that has labels.
        seed: for parameters that are new.
        dtype: of all parameters.
        device: where they go.

    Raises:
        WeightMapError: a weight has no place, a place no weight, or a shape differs.
        UnsupportedModel: quantised weights.
        ModelError: a weight is NaN or infinite.
    """
    arch = said.arch
    stored = _published(said, weights)
    with torch.device("meta"), _Undrawn():
        # No memory and no random numbers before it is known that the weights fit.
        model = bare(arch, kind, config, labels)
    places = {_our_name(kind, name): p.shape for name, p in model.named_parameters()}
    fresh = () if said.has(kind) else tuple(f"{name}." for name in _HEADS)
    found = read(_rules(said, kind, config), arch.prefix_of(said.head), stored, places, fresh)
    ours = found.ours
    if strange := sorted(name for name, tensor in ours.items() if tensor.dtype not in FLOATS):
        raise UnsupportedModel(
            f"weights must be of a common float type, but {strange[0]} is of "
            f"{ours[strange[0]].dtype}: quantised models are not served"
        )
    if found.new:
        assert not isinstance(model, Encoder)
        drawn = _drawn(model, config.initializer_range, seed)
        ours |= {name: drawn[name] for name in found.new}
    state = {name: ours[_our_name(kind, name)] for name, _ in model.named_parameters()}
    state = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items()}
    check_finite(state)
    model.load_state_dict(state, assign=True)
    kept = {name: tensor.to(dtype) for name, tensor in found.kept.items()}
    return Built(model.eval(), found.aside, found.new, kept)


def _published(said: Described, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Stored weights under published names, whatever the folder's format."""
    arch = said.arch
    if said.format == "hf":
        return renewed(weights, arch.old_endings)
    ours = {name: tensor for name, tensor in weights.items() if not name.startswith(KEPT)}
    kept = {name.removeprefix(KEPT): weights[name] for name in weights.keys() - ours.keys()}
    prefix = "" if said.head == "encoder" else arch.prefix_of(said.head)
    return write(arch.rules(said.config, said.head), prefix, ours) | kept


def named_weights(model: Model) -> dict[str, torch.Tensor]:
    """A model's parameters by our names, which begin with `encoder.`, `head.` or `pairs.`."""
    kind = kind_of(model)
    return {_our_name(kind, name): tensor for name, tensor in model.named_parameters()}


def published_weights(
    arch: Arch[Any], config: PublishedConfig, model: Model
) -> dict[str, torch.Tensor]:
    """A model's parameters by their published names.

    Raises:
        WeightMapError: one has no published name.
    """
    kind = kind_of(model)
    prefix = "" if kind == "encoder" else arch.prefix_of(kind)
    return write(arch.rules(config, kind), prefix, named_weights(model))


def check_made_of(
    arch: Arch[Any], config: PublishedConfig, labels: tuple[str, ...], model: Model
) -> None:
    """Check that a model is the one that a configuration describes.

    Raises:
        ModelError: it is not; the message says which part differs.
    """
    encoder = encoder_of(model)
    pairs: list[tuple[str, object, object]] = [("encoder", encoder.config, arch.encoder(config))]
    if not isinstance(model, Encoder):
        pairs.append(("head", model.head_config, arch.head(kind_of(model), config, labels)))
    for part, has, described in pairs:
        if has != described:
            raise ModelError(
                f"the {part} of the model to save is not what its configuration describes: "
                f"it is {has}, and the configuration says {described}"
            )


class _Undrawn(TorchFunctionMode):
    """Leaves parameters without memory as they are where a module would draw its first weights.

    There is nothing to draw, and for that PyTorch would load its compiler, which takes a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_, init.normal_, init.uniform_):
            tensor = args[0] if args else kwargs["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


def bare(
    arch: Arch[Any], kind: HeadKind, config: PublishedConfig, labels: tuple[str, ...]
) -> Model:
    """A model of the wanted kind, its weights as PyTorch draws them.

    Raises:
        UnsupportedModel: the architecture has no such head.
    """
    encoder = arch.encoder(config)
    match arch.head(kind, config, labels):
        case None:
            return Encoder(encoder)
        case LMHeadConfig() as head:
            return LanguageModel(encoder, head)
        case PretrainingHeadConfig() as head:
            return PretrainingModel(encoder, head)
        case SequenceHeadConfig() as head:
            return SequenceClassifier(encoder, head)
        case TokenHeadConfig() as head:
            return TokenClassifier(encoder, head)


def _our_name(kind: HeadKind, name: str) -> str:
    return f"encoder.{name}" if kind == "encoder" else name


def _rules(said: Described, kind: HeadKind, config: PublishedConfig) -> tuple[Rule, ...]:
    """The table that reads what is stored as a model of the wanted kind."""
    arch, own = said.arch, said.arch.head_rules(config, kind)
    if said.head == kind and said.fault is None and not said.absent:
        return arch.rules(config, kind)
    # Heads may share what stands before their last layer. The last layer itself has one meaning in
    # each, and often one name in several.
    own = tuple(rule for rule in own if getattr(rule, "ours", "") != LAST)
    rest = [rule for other in arch.all_heads for rule in arch.head_rules(config, other)]
    return (*own, *arch.encoder_rules(config), *asides(rest, "a head that is not opened here"))


def _drawn(model: Model, std: float, seed: int) -> dict[str, torch.Tensor]:
    """First weights for all that a model has besides its encoder, by name."""
    assert not isinstance(model, Encoder)
    depth = len(model.encoder.config.layers)
    draws = torch.Generator().manual_seed(seed)
    drawn: dict[str, torch.Tensor] = {}
    for name, part in model.named_children():
        if name in _HEADS:
            head = copy.deepcopy(part).to_empty(device="cpu")
            initialise(head, std, depth, draws)
            drawn |= {f"{name}.{inner}": p.detach() for inner, p in head.named_parameters()}
    return drawn
