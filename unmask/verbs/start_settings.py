"""What a model to start from decides among the settings of a pretraining run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.arch.spec import PublishedConfig
from unmask.checkpoint.formats import CONFIG, Described, describe
from unmask.checkpoint.layers import kept_config
from unmask.checkpoint.locating import locate
from unmask.checkpoint.origin import Origin
from unmask.checkpoint.weightfiles import stored_types
from unmask.errors import ConfigError
from unmask.verbs.run_folder import digest_of

_DECIDED = {
    "model": ("arch", "size", "norm", "std"),
    "tokenizer": ("kind", "vocab_size", "lowercase"),
}


@dataclass(frozen=True, slots=True)
class Start:
    """A model to start from, found once: all that is read of it is read from this folder.

    Attributes:
        name: what the user calls it: a folder, a run, or a name on the Hub.
        folder: the model's own folder.
        origin: the model on the Hub that was fetched into it; None for a folder of this machine.
        said: what its `config.json` says.
    """

    name: str
    folder: Path
    origin: Origin | None
    said: Described

    @classmethod
    def find(cls, path: str | Path, revision: str | None = None) -> Start:
        """Find a model, and fetch it where it is one of the Hub.

        Args:
            path: folder of a model or of a finished run, or a name on the Hub.
            revision: branch, tag or commit of a name on the Hub; None for the default branch.

        Raises:
            ModelError: no model is there, or one that is not served.
            CheckpointError: a file cannot be read or fetched.
            ConfigError: a revision of a folder.
        """
        located = locate(path, revision)
        said = describe(located.folder, lambda: stored_types(located.folder))
        return cls(str(path), located.folder, located.origin, said)

    def digest(self) -> str:
        """Digest of the model's configuration, weights and tokenizer, or of its commit.

        Raises:
            CheckpointError: a file cannot be read.
        """
        if self.origin is not None:
            # The commit says it all, and the cache may hold other files of it the next time.
            return hashlib.sha256(f"{self.origin.name} {self.origin.commit}".encode()).hexdigest()
        weights = sorted(self.folder.glob("*.safetensors"))
        files = [self.folder / CONFIG, self.folder / "tokenizer.json", *weights]
        digests = [f"{file.name} {digest_of(file)}" for file in files]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def config(self, layers: Sequence[int] | None) -> PublishedConfig:
        """The model's configuration, with these of its layers; None for all.

        Raises:
            ModelError: it does not have these layers.
        """
        said = self.said
        return said.config if layers is None else kept_config(said.arch, said.config, layers)


def read_layers(value: str | Sequence[int]) -> tuple[int, ...]:
    """Numbers of layers, as `0,2,4` or as numbers.

    Raises:
        ConfigError: they are no numbers.
    """
    parts = value.split(",") if isinstance(value, str) else [str(number) for number in value]
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"layers must be numbers from 0, such as 0,2,4, not {value!r}")
    return tuple(int(part) for part in parts)


def with_start(nested: Mapping[str, Any]) -> tuple[dict[str, Any], Start]:
    """The settings of a run that goes on from a model, with what its folder says filled in.

    Returns:
        The settings, and the model.

    Raises:
        ConfigError: something is set that the model decides, or a revision of a folder.
        ModelError: no model is there, or it does not have these layers.
        CheckpointError: a file cannot be read or fetched.
    """
    for room, names in _DECIDED.items():
        if given := [name for name in names if name in nested.get(room, {})]:
            raise ConfigError(
                "a run that goes on from a model has its architecture, size and tokenizer, but "
                f"{', '.join(f'{room}.{name}' for name in given)} is given too; leave it out, or "
                "leave --from out. Another tokenizer is given as --tokenizer FOLDER"
            )
    model: dict[str, Any] = dict(nested["model"])
    revision = model.get("revision")
    start = Start.find(str(model["start"]), None if revision is None else str(revision))
    config = start.config(model.get("layers"))
    encoder = start.said.arch.encoder(config)
    model |= {
        "arch": start.said.arch.name,
        "size": f"{len(encoder.layers)}x{encoder.width}",
        "std": config.initializer_range,
        "context": model.get("context", encoder.context),
    }
    if hasattr(config, "norm"):
        model["norm"] = config.norm
    return {**nested, "model": model}, start


def start_config(
    start: Start, layers: Sequence[int] | None, arch: str, context: int
) -> PublishedConfig:
    """The configuration of a model to start from, its layers chosen.

    Raises:
        ConfigError: it is of another architecture than `arch`, or takes less than `context`.
        ModelError: it does not have these layers.
    """
    config, made_of = start.config(layers), start.said.arch
    most = made_of.encoder(config).context
    if arch != made_of.name:
        raise ConfigError(
            f"{start.name} holds a model of the {made_of.name} architecture, but model.arch is "
            f"{arch!r}. Make the settings with pretrain_settings(from_={start.name!r}), which "
            "fills it in"
        )
    if context > most:
        raise ConfigError(
            f"the context must be at most that of the model to start from, {most} tokens, not "
            f"{context}: it has no positions beyond. Give a smaller --context, or leave it out"
        )
    return config
