"""Models that find answers: a head over the ends of an answer, and how its scores become one.

What the published formats have no word for stands in `answering.json` beside the model; other
libraries do not look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from unmask.checkpoint.folder import Opened, open_model, save_opened
from unmask.checkpoint.formats import Format
from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.checkpoint.locating import AnyPath
from unmask.config import from_mapping
from unmask.errors import ConfigError, ModelError
from unmask.heads.model import TokenClassifier

RULE = "answering.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRule:
    """How a model's scores become an answer.

    Attributes:
        threshold: by how many nats "no answer" must be ahead of the best words to be given; None
            for a model that always answers, since it was never shown a text without an answer.
        window: the longest row in tokens, question and special tokens included.
        overlap: tokens that neighbouring windows of a long text share at least.
        longest: tokens of an answer at most.
    """

    threshold: float | None = None
    window: int = 384
    overlap: int = 128
    longest: int = 30

    def __post_init__(self) -> None:
        for name, least in (("window", 1), ("overlap", 0), ("longest", 1)):
            if (value := getattr(self, name)) < least:
                raise ConfigError(f"{name} must be at least {least}, not {value}")


@dataclass(frozen=True)
class AnswerModel:
    """A model that finds answers, with what belongs to it.

    Attributes:
        opened: the model with its tokenizer.
        rule: how its scores become an answer.
    """

    opened: Opened[TokenClassifier]
    rule: AnswerRule


def open_answerer(
    path: AnyPath,
    *,
    new_head: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> AnswerModel:
    """Open a folder with a head over the ends of an answer, such as a `BertForQuestionAnswering`.

    A folder that does not say how its scores become an answer is read as the published programs
    do: in windows of 384 tokens that share 128, with answers of 30 tokens at most.

    Args:
        path: a model folder, the folder of a finished run, or a name on the Hub.
        new_head: whether a head may be drawn anew where the folder has none.
        seed: for its parameters.
        dtype: what the parameters become, whatever they are stored as.
        device: where they go.
        revision: branch, tag or commit of a name on the Hub.

    Raises:
        ModelError: it is no model with such a head, or its rule cannot be used.
        CheckpointError: a file cannot be read.
    """
    opened = open_model(
        path, "span", new_head=new_head, seed=seed, dtype=dtype, device=device, revision=revision
    )
    context = opened.model.encoder.config.context
    return AnswerModel(opened, read_rule(opened.path, context))


def save_answerer(
    path: AnyPath,
    model: AnswerModel,
    *,
    format: Literal["auto"] | Format = "auto",
    card: str | None = None,
    replace: bool = False,
) -> Format:
    """Save a model that finds answers, whole or not at all; see `save_opened`."""

    def also(folder: Path, used: Format) -> None:
        rule = {name: getattr(model.rule, name) for name in AnswerRule.__dataclass_fields__}
        (folder / RULE).write_bytes(render_json(rule))

    return save_opened(path, model.opened, format=format, card=card, replace=replace, also=also)


def read_rule(folder: Path, context: int) -> AnswerRule:
    """The rule that a folder has, or the usual one, with windows that its model can read.

    Raises:
        ModelError: it is none, or its windows are longer than the model's context.
    """
    file = folder / RULE
    if not file.is_file():
        usual = AnswerRule()
        return AnswerRule(window=min(usual.window, context))
    values = read_json(file)
    try:
        if not isinstance(values, dict):
            raise ConfigError(f"it must hold a JSON object, not {type(values).__name__}")
        rule = from_mapping(AnswerRule, values)
    except ConfigError as error:
        raise ModelError(f"{file} cannot be used: {error}. Correct or remove it") from None
    if rule.window > context:
        raise ModelError(
            f"{file} has windows of {rule.window} tokens, but the model's context holds {context}. "
            "Correct the window"
        )
    return rule
