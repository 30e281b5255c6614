"""Models that find answers: a head over the ends of an answer, and how its scores become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from unmask.checkpoint.answer_rule import AnswerRule, read_rule, rule_writer
from unmask.checkpoint.building import kind_of
from unmask.checkpoint.folder import Opened, open_model, save_opened
from unmask.checkpoint.formats import Format
from unmask.checkpoint.locating import AnyPath
from unmask.heads.model import TokenClassifier


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
    also = rule_writer(model.rule)
    return save_opened(path, model.opened, format=format, card=card, replace=replace, also=also)


def rule_kept(opened: Opened[Any]) -> Callable[[Path, Format], None] | None:
    """What writes the rule of a model's folder beside a copy of it, where it finds answers."""
    if kind_of(opened.model) != "span":
        return None
    return rule_writer(read_rule(opened.path, opened.model.encoder.config.context))
