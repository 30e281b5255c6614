"""Cross-encoders as sentence-transformers keeps them: a sequence head, and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch

from unmask.checkpoint.folder import Opened, open_classifier, save_opened
from unmask.checkpoint.formats import CONFIG, Format, describe
from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.checkpoint.locating import AnyPath, model_folder, resolved
from unmask.checkpoint.sentence import (
    SentenceFormat,
    fitted,
    sentence_root,
    weights_format,
    with_limit,
)
from unmask.checkpoint.sentence_files import (
    MODULES,
    SETTINGS,
    output_name,
    output_named,
    read_modules,
    read_settings,
    read_transformer_file,
)
from unmask.checkpoint.sentence_schema import SettingsFile, TransformerFile
from unmask.checkpoint.use import USE, Outputs, Scale
from unmask.checkpoint.weightfiles import stored_types
from unmask.errors import CorruptCheckpoint, ModelError, UnsupportedModel, shown
from unmask.heads.model import SequenceClassifier
from unmask.heads.outputs import Output

ACTIVATIONS: Mapping[Scale, Output] = {
    "logit": "identity",
    "probability": "sigmoid",
    "calibrated": "sigmoid",
}
"""What a score of each scale has gone through."""
SCALES: Mapping[Output, Scale] = {"identity": "logit", "sigmoid": "probability"}
"""What a score is, going by what it has gone through alone."""


@dataclass(frozen=True)
class CrossModel:
    """A cross-encoder with what belongs to it.

    Attributes:
        opened: the model with its tokenizer; one label where it gives a score.
        activation: what its outputs go through.
        limit: the longest pair in tokens, special tokens included.
        said: what the folder says of the activation, in words.
    """

    opened: Opened[SequenceClassifier]
    activation: Output
    limit: int
    said: str = ""

    @property
    def scale(self) -> Scale | None:
        """What the outputs are; None where they went through another function, or are numbers in a
        unit of their own.

        The folder says it, or else its activation does: what has gone through no function is a
        logit, and what has gone through the sigmoid is a probability.
        """
        use = self.opened.use
        return None if use.ranges else use.scale or SCALES.get(self.activation)


def open_cross(
    path: AnyPath,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> CrossModel:
    """Open a cross-encoder.

    Its activation is looked for where the versions of sentence-transformers wrote it: in
    `config_sentence_transformers.json` (since 6), in `config.json` under `sentence_transformers`
    (since 4), there as `sbert_ce_default_activation_function` (before). Where none says it, it is
    the sigmoid for one output and the identity for several.

    Args:
        path: the folder of a cross-encoder, or of any model or run with a sequence head; or a name
            on the Hub.
        dtype: what the parameters become, whatever they are stored as.
        device: where they go.
        revision: branch, tag or commit of a name on the Hub.

    Raises:
        ModelError: it is no model with a sequence head.
        UnsupportedModel: a module, a field or an activation that is not served, by name.
        CheckpointError: a file cannot be read.
    """
    path, origin = resolved(path, revision)
    root, file, settings = sentence_root(path), TransformerFile(), SettingsFile()
    folder = path
    if root is not None:
        modules = read_modules(root)
        if [kind for kind, _ in modules] != ["Transformer"]:
            raise UnsupportedModel(
                f"{root / MODULES} must list a Transformer alone, but lists: "
                f"{', '.join(kind for kind, _ in modules)}. A model that gives vectors is for "
                "unmask embed (in Python unmask.Embedder); unmask finetune --task rerank teaches "
                "it to rank"
            )
        folder = modules[0][1]
        file = read_transformer_file(folder, "sequence-classification")
    opened = _with_scores(model_folder(folder), dtype, device)
    opened = replace(opened, origin=origin or opened.origin)
    settings = read_settings(
        root or opened.path,
        "CrossEncoder",
        "A SentenceTransformer is for unmask embed (in Python unmask.Embedder)",
    )
    if settings.default_prompt_name is not None or any(settings.prompts.values()):
        raise UnsupportedModel(
            f"{root or opened.path} has prompts in {SETTINGS}, which are not served for pairs of "
            "texts. Put them before the first text yourself, and take them out of the file"
        )
    opened, limit = fitted(opened, opened.model.encoder.config.context, file)
    activation, said = _activation(opened, settings)
    stored = opened.use.scale
    if stored is not None and ACTIVATIONS[stored] != activation:
        raise CorruptCheckpoint(
            f"{opened.path} says in {USE} that its score is a {stored}, which goes through "
            f"{ACTIVATIONS[stored]}, but {said}. Restore the folder from a good copy"
        )
    return CrossModel(opened, activation, limit, said)


def save_cross(
    path: AnyPath,
    model: CrossModel,
    *,
    format: SentenceFormat = "auto",
    card: str | None = None,
    replace: bool = False,
) -> Format:
    """Save a cross-encoder, whole or not at all.

    Args:
        path: the folder to make.
        model: the model.
        format: "sentence-transformers" or "hf", which are one here: what both libraries open;
            "unmask" is our own; "auto" the first where it can express the model.
        card: the text of `README.md`; None for a few lines that say what the folder is.
        replace: whether a folder that was saved there before may be replaced.

    Returns:
        The format of the weights that was used.

    Raises:
        UnsupportedModel: the format asked for cannot express the model; it says what.
        CheckpointError: the folder is taken, or the disk is full.
    """
    return save_opened(
        path,
        with_limit(model.opened, model.limit),
        format=weights_format(format),
        card=card,
        replace=replace,
        also=cross_writer(model.activation),
    )


def cross_writer(activation: Output) -> Callable[[Path, Format], None]:
    """What makes the new folder of a classifier that of a cross-encoder; see `save_opened`."""
    name = output_name(activation)

    def write(folder: Path, used: Format) -> None:
        if used == "hf":
            # Since version 4 of sentence-transformers; later ones read it here too.
            document = {**read_json(folder / CONFIG), _FIELD: {"activation_fn": name}}
            (folder / CONFIG).write_bytes(render_json(document))
        else:
            settings = {"model_type": "CrossEncoder", "activation_fn": name}
            (folder / SETTINGS).write_bytes(render_json(settings))

    return write


def _with_scores(
    folder: Path, dtype: torch.dtype, device: torch.device | str
) -> Opened[SequenceClassifier]:
    try:
        return open_classifier(folder, outputs=get_args(Outputs), dtype=dtype, device=device)
    except ModelError as error:
        said = describe(folder, lambda: stored_types(folder))
        if type(error) is not ModelError or said.head == "sequence":
            raise
    # What it says of a folder without such a head is the remedy of a classifier: to train one.
    raise ModelError(
        f"{folder} must hold a sequence head, which scores pairs of texts, but holds "
        f"{said.holds}. Name the folder of a cross-encoder or of a classifier; a model of "
        "vectors is for unmask embed (in Python unmask.Embedder)"
    )


_FIELD = "sentence_transformers"
_OLD_FIELD = "sbert_ce_default_activation_function"


def scale_said(opened: Opened[Any]) -> Scale | None:
    """What an opened folder says that its score is; None where it says nothing of it.

    Raises:
        UnsupportedModel: its activation is not served, by name.
    """
    if len(opened.labels) != 1 or opened.use.ranges or opened.use.scale is not None:
        return opened.use.scale
    settings = read_settings(opened.path, "CrossEncoder", "It has no head for scores")
    named = _named(opened.path, settings)
    return None if named is None else SCALES.get(named[0])


def _named(path: Path, settings: SettingsFile) -> tuple[Output, str] | None:
    """The activation that a folder names, and where; None where it names none."""
    if settings.activation_fn is not None:
        found = output_named(settings.activation_fn, str(path / SETTINGS))
        return found, f"{SETTINGS} names {found}"
    raw, where = read_json(path / CONFIG), str(path / CONFIG)
    name = _field(raw, where)
    return (
        None if name is None else ((found := output_named(name, where)), f"{CONFIG} names {found}")
    )


def _activation(opened: Opened[SequenceClassifier], settings: SettingsFile) -> tuple[Output, str]:
    """The activation, and where it comes from."""
    if (named := _named(opened.path, settings)) is not None:
        return named
    # Where the range of a number is stored, it is one in its own unit, and no logit.
    usual: Output = "sigmoid" if len(opened.labels) == 1 and not opened.use.ranges else "identity"
    return usual, f"the folder names no activation, and {usual} is the usual one"


def _field(raw: Mapping[str, Any], where: str) -> str | None:
    """The activation that a `config.json` names, in the newer place or the older."""
    table = {} if raw.get(_FIELD) is None else raw[_FIELD]
    if not isinstance(table, dict) or not table.keys() <= {"activation_fn", "version"}:
        raise UnsupportedModel(
            f"{where} has {_FIELD}={shown(table)}, and only activation_fn and version are served "
            "there"
        )
    name = table.get("activation_fn", raw.get(_OLD_FIELD))
    if name is not None and not isinstance(name, str):
        raise UnsupportedModel(f"{where} must name its activation as text, not {shown(name)}")
    return name
