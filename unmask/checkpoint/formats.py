"""What a model folder's `config.json` says, in either format, and how it is written.

The published format is that of `transformers`. Ours holds what that one cannot express:

    {"format": "unmask", "version": 1, "model_type": "unmask", "arch": ..., "config": {...},
     "head": ..., "labels": [...]}

Its weights stand under our own names. `model_type` is there so that other readers, some of which
guess a missing type from the folder's name, refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from unmask.arch.registry import ARCHS, arch_of
from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.arch.weights import Fuse, Rename, places_in
from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.labels import check_outputs, read_labels
from unmask.checkpoint.use import PLAIN, Outputs, Use, outputs_of, problem_of
from unmask.errors import ModelError, UnsupportedModel
from unmask.tokens.tokenizer import Tokenizer

Format = Literal["hf", "unmask"]

CONFIG = "config.json"
GENERATOR = "generator"  # a folder beside a discriminator's: what it was trained with
VERSION = 1
HEADS: tuple[HeadKind, ...] = get_args(HeadKind)
HOLDS: Mapping[HeadKind, str] = {
    "encoder": "an encoder without a head",
    "lm": "a language model",
    "pretraining": "a language model with a head for pairs of texts",
    "sequence": "a classifier",
    "token": "a tagger",
    "span": "a model that finds answers",
    "discriminator": "a discriminator of replaced tokens",
}
LABELLED: frozenset[HeadKind] = frozenset({"sequence", "token"})
"""Heads whose outputs are labels with names."""

# Our names of the weights that tell that a head is stored.
_TELLING = frozenset({"head.project.weight"})
_TELLS: Mapping[HeadKind, frozenset[str]] = {
    "pretraining": frozenset({"head.bias", "pairs.transform.dense.weight", "pairs.project.weight"})
}
_OWN_KEYS = frozenset({"format", "version", "model_type", "arch", "config", "head", "labels"})


@dataclass(frozen=True, slots=True)
class Described:
    """A folder by its `config.json`.

    Attributes:
        format: which of the two formats it is in.
        arch: its architecture.
        config: its configuration.
        head: what the stored model ends in.
        labels: names of the labels, in the order of the outputs; empty where there are none.
        fault: why the head cannot be opened, though the encoder by itself can; else None.
        outputs: how those of a head over sequences are read, as far as `config.json` says.
        absent: the class that the file names, where its head is not among the weights; else empty.
    """

    format: Format
    arch: Arch[Any]
    config: PublishedConfig
    head: HeadKind
    labels: tuple[str, ...]
    fault: ModelError | None = None
    absent: str = ""
    outputs: Outputs = "one"

    @property
    def holds(self) -> str:
        """What is stored, in words."""
        if not self.absent:
            return HOLDS[self.head]
        return f"{HOLDS[self.head]} (config.json names {self.absent}, whose head is not stored)"

    def has(self, kind: HeadKind) -> bool:
        """Whether a model of that kind is stored whole; what is stored may hold more."""
        return kind in ("encoder", self.head) or (self.head == "pretraining" and kind == "lm")


def describe(folder: Path, names: Callable[[], Iterable[str]]) -> Described:
    """Read a folder's `config.json`.

    Args:
        folder: the folder.
        names: gives the names of its weights; they tell the head where an old file does not.

    Raises:
        UnsupportedModel: an architecture, a head or a value that is not served; it is named.
        ModelError: the file does not say what it must.
        CheckpointError: it is missing or cannot be read.
    """
    raw = read_json(folder / CONFIG)
    if not isinstance(raw, dict):
        raise ModelError(f"{folder / CONFIG} must hold a JSON object, not {type(raw).__name__}")
    try:
        said = _own(raw) if raw.get("format") == "unmask" else _published(raw, names)
    except ModelError as error:
        raise type(error)(f"{folder}: {error}") from None
    if said.fault is None:
        return said
    return replace(said, fault=type(said.fault)(f"{folder}: {said.fault}"))


def own_config(
    arch: Arch[Any], config: PublishedConfig, head: HeadKind, labels: tuple[str, ...]
) -> dict[str, Any]:
    """The content of `config.json` in our own format."""
    return {
        "format": "unmask",
        "version": VERSION,
        "model_type": "unmask",
        "arch": arch.name,
        "head": head,
        "labels": list(labels),
        "config": config.model_dump(mode="json"),
    }


def published_config(
    arch: Arch[Any],
    config: PublishedConfig,
    head: HeadKind,
    labels: tuple[str, ...],
    tokenizer: Tokenizer,
    dtype: str,
    use: Use = PLAIN,
) -> dict[str, Any]:
    """The content of `config.json` in the published format.

    Token ids that the configuration leaves open are those of the tokenizer.

    Raises:
        UnsupportedModel: the format has no word for something in the configuration.
    """
    fields = config.published()
    for name, role in arch.token_ids.items():
        if fields.get(name) is None:
            fields[name] = tokenizer.roles.get(role)
    if head in LABELLED:
        fields["id2label"] = {str(index): label for index, label in enumerate(labels)}
        fields["label2id"] = {label: index for index, label in enumerate(labels)}
        fields |= problem_of(use)
    fields |= {"architectures": [arch.class_of(config, head)], "dtype": dtype}
    return dict(sorted(fields.items()))


def check_vocabulary(tokenizer: Tokenizer, config: PublishedConfig, where: str) -> None:
    """Check that every token id has a row in the model's token table.

    Raises:
        ModelError: the table is too small.
    """
    if tokenizer.vocab_size > config.vocab_size:
        raise ModelError(
            f"{where} has token ids up to {tokenizer.vocab_size - 1}, but the model's token table "
            f"has {config.vocab_size} rows (vocab_size). Use the tokenizer that the model was "
            "trained with"
        )


def _own(raw: Mapping[str, Any]) -> Described:
    version, labels = raw.get("version"), raw.get("labels")
    if type(version) is not int or version > VERSION or version < 1:
        raise ModelError(
            f"config.json is in version {version!r} of unmask's format, and this version of unmask "
            f"reads up to {VERSION}. Install a newer one"
        )
    if raw.keys() != _OWN_KEYS:
        raise ModelError(
            f"config.json in unmask's format must have the keys {', '.join(sorted(_OWN_KEYS))}, "
            f"and differs in: {', '.join(sorted(raw.keys() ^ _OWN_KEYS))}"
        )
    head = next((kind for kind in HEADS if kind == raw["head"]), None)
    if head is None:
        raise ModelError(
            f"head in config.json must be one of {', '.join(HEADS)}, not {raw['head']!r}"
        )
    arch = _arch(raw["arch"])
    if not isinstance(raw["config"], dict) or not isinstance(labels, list):
        raise ModelError("config.json must have an object as config and a list as labels")
    config = arch.check(raw["config"])
    if head in LABELLED:
        check_outputs(labels)
    elif labels:
        raise ModelError(f"config.json has labels, but its head is {head!r}, which has none")
    outputs: Outputs = "numbers" if head == "sequence" and len(labels) == 1 else "one"
    return Described("unmask", arch, config, head, tuple(labels), outputs=outputs)


def _published(raw: Mapping[str, Any], names: Callable[[], Iterable[str]]) -> Described:
    if raw.get("auto_map") is not None:
        raise UnsupportedModel(
            "config.json names Python code of its own (auto_map). Code from a model folder is "
            "never run here"
        )
    if "model_type" not in raw:
        raise ModelError(
            f"config.json has no model_type, so nothing says what it is. Add it: one of "
            f"{', '.join(ARCHS)}"
        )
    if raw["model_type"] == "unmask":
        raise ModelError(
            f"config.json is in unmask's own format, but says format={raw.get('format')!r}. "
            'Correct it to "format": "unmask"'
        )
    arch = _arch(raw["model_type"])
    config = arch.parse(raw)
    if not arch.stems:
        arch.class_of(config, "encoder")  # raises: the file claims a format that does not exist
    name = _class_named(raw)
    if name is None:
        head = _head_by_weights(arch, config, set(names()))
    elif name not in (served := arch.opened_as(config)):
        fault = UnsupportedModel(
            f"config.json says architectures={raw['architectures']!r}, and of {arch.name} these "
            f"are served: {', '.join(served)}"
        )
        return Described("hf", arch, config, "encoder", (), fault)
    elif there := [kind for kind in served[name] if _stored(arch, config, kind, names)]:
        head = there[0]
    else:
        return Described("hf", arch, config, "encoder", (), absent=name)
    try:
        labels = read_labels(raw) if head in LABELLED else ()
        outputs = outputs_of(raw, len(labels)) if head == "sequence" else "one"
    except ModelError as error:
        return Described("hf", arch, config, head, (), error)
    return Described("hf", arch, config, head, labels, outputs=outputs)


def _arch(name: object) -> Arch[Any]:
    if not isinstance(name, str):
        raise ModelError(f"the architecture in config.json must be a name, not {name!r}")
    return arch_of(name)


def _class_named(raw: Mapping[str, Any]) -> str | None:
    """The class that a file names, if it names one."""
    classes = raw.get("architectures")
    if classes is None or classes == []:
        return None
    return str(classes[0] if isinstance(classes, list) else classes)


def _stored(
    arch: Arch[Any],
    config: PublishedConfig,
    kind: HeadKind,
    names: Callable[[], Iterable[str]],
) -> bool:
    """Whether a head of that kind is among the weights, or has none of its own.

    Published encoders often name the class that they were made from: all-mpnet-base-v2 does.
    """
    rules = [r for r in arch.head_rules(config, kind) if isinstance(r, Rename | Fuse)]
    if kind == "encoder" or not rules:
        return True
    found = places_in(rules, arch.prefix_of(kind), set(names()))
    return bool(found) if kind == "lm" else _TELLS.get(kind, _TELLING) <= found


def _head_by_weights(arch: Arch[Any], config: PublishedConfig, names: set[str]) -> HeadKind:
    def found(kind: HeadKind, place: str = "") -> bool:
        places = places_in(arch.head_rules(config, kind), arch.prefix_of(kind), names)
        return place in places if place else bool(places)

    fits = [kind for kind in arch.heads if found(kind, "head.project.weight")]
    if len(fits) > 1:
        classes = " or ".join(f'"{arch.class_of(config, kind)}"' for kind in fits)
        raise ModelError(
            "config.json does not say what its weights are, which fit several heads. Add "
            f'"architectures": [...] with one of {classes}'
        )
    if fits:
        return fits[0]
    if "pretraining" in arch.heads and _stored(arch, config, "pretraining", lambda: names):
        return "pretraining"
    return "lm" if found("lm") else "encoder"
