"""What a model to start from decides among the settings of a pretraining run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.arch.spec import PublishedConfig
from unmask.checkpoint.layers import kept_config
from unmask.errors import ConfigError
from unmask.verbs.looking import look

_DECIDED = {
    "model": ("arch", "size", "norm", "std"),
    "tokenizer": ("kind", "vocab_size", "lowercase"),
}


def read_layers(value: str | Sequence[int]) -> tuple[int, ...]:
    """Numbers of layers, as `0,2,4` or as numbers.

    Raises:
        ConfigError: they are no numbers.
    """
    parts = value.split(",") if isinstance(value, str) else [str(number) for number in value]
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"layers must be numbers from 0, such as 0,2,4, not {value!r}")
    return tuple(int(part) for part in parts)


def with_start(nested: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run that goes on from a model, with what its folder says filled in.

    Raises:
        ConfigError: something is set that the model decides, or the context is longer than its.
        ModelError: no model is there.
    """
    for room, names in _DECIDED.items():
        if given := [name for name in names if name in nested.get(room, {})]:
            raise ConfigError(
                "a run that goes on from a model has its architecture, size and tokenizer, but "
                f"{', '.join(f'{room}.{name}' for name in given)} is given too; leave it out, or "
                "leave --from out. Another tokenizer is given as --tokenizer FOLDER"
            )
    model: dict[str, Any] = dict(nested["model"])
    start, layers = str(model["start"]), model.get("layers")
    _, said = look(start)
    config = said.config if layers is None else kept_config(said.arch, said.config, layers)
    encoder = said.arch.encoder(config)
    model |= {
        "arch": said.arch.name,
        "size": f"{len(encoder.layers)}x{encoder.width}",
        "std": config.initializer_range,
        "context": model.get("context", encoder.context),
    }
    if hasattr(config, "norm"):
        model["norm"] = config.norm
    return {**nested, "model": model}


def start_config(
    start: str, layers: Sequence[int] | None, arch: str, context: int
) -> PublishedConfig:
    """The configuration of a model to start from, its layers chosen.

    Raises:
        ConfigError: it is of another architecture than `arch`, or takes less than `context`.
        ModelError: no model is there, or it does not have these layers.
    """
    _, said = look(start)
    config = said.config if layers is None else kept_config(said.arch, said.config, layers)
    most = said.arch.encoder(config).context
    if arch != said.arch.name:
        raise ConfigError(
            f"{start} holds a model of the {said.arch.name} architecture, but model.arch is "
            f"{arch!r}. Make the settings with pretrain_settings(from_={start!r}), which fills it "
            "in"
        )
    if context > most:
        raise ConfigError(
            f"the context must be at most that of the model to start from, {most} tokens, not "
            f"{context}: it has no positions beyond. Give a smaller --context, or leave it out"
        )
    return config
