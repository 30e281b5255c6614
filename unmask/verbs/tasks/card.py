"""The model card of a fine-tuned model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unmask.checkpoint.folder import Opened
from unmask.config import to_mapping
from unmask.report.card import Card, model_card
from unmask.report.facts import Setting, settings
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.machine import processor, versions
from unmask.verbs.tasks.kinds import KINDS, OWN
from unmask.verbs.tasks.pieces import Pieces
from unmask.verbs.tasks.result import FinetuneResult
from unmask.verbs.tasks.trained import trained_settings
from unmask.verbs.tune_recipe import Recipe


def card_of(
    wanted: FinetuneSettings, recipe: Recipe, pieces: Pieces, result: FinetuneResult
) -> str:
    """The card: data, recipe, figures, versions."""
    opened, said = pieces.opened, pieces.said
    parameters = sum(p.numel() for p in opened.model.parameters())
    return model_card(
        Card(
            name=_name(result.folder.resolve()) or said.noun.split()[0],
            folder=str(result.model),
            task=said.task,
            summary=(
                f"A {opened.arch.name} {said.noun}, of {parameters:,} parameters, fine-tuned "
                f"{trained_settings(wanted)}."
            ),
            data=(
                f"{result.train_rows:,} rows to train on and {result.dev_rows:,} to measure with. "
                f"{'. '.join(pieces.notes)}. {said.data}."
            ),
            recipe=tuple(_recipe(wanted, recipe, result)),
            figures=tuple(_figures(result)),
            versions=settings({**versions(), "processor": processor()}),
            opens_in_transformers=_published(opened),
        )
    )


def _name(folder: Path) -> str:
    """The run's; a run of one seed among several is below the folder that was named."""
    return folder.parent.name if re.fullmatch(r"seed--?\d+", folder.name) else folder.name


def _published(opened: Opened[Any]) -> bool:
    """Whether the published format can express the model, in which case it is saved so."""
    from unmask.errors import UnsupportedModel

    try:
        opened.config.published()
    except UnsupportedModel:
        return False
    return True


def _recipe(wanted: FinetuneSettings, recipe: Recipe, result: FinetuneResult) -> Iterator[Setting]:
    chosen: dict[str, dict[str, float]] = {
        "optim": {"lr": recipe.optim.lr},
        "budget": {"epochs": recipe.epochs, "batch": recipe.batch},
        "model": {"dropout": recipe.dropout, "pretrained_share": recipe.pretrained_share},
    }
    foreign = set(OWN) - KINDS[wanted.task].own  # of other tasks
    for room, table in to_mapping(wanted).items():
        if isinstance(table, dict):
            for key, value in {**table, **chosen.get(room, {})}.items():
                name = f"{room}.{key}"
                adapts = key != "lora_targets" or wanted.model.lora is not None
                if adapts and name not in foreign:
                    yield Setting(name, str(value))
    yield Setting("parameters trained", f"{result.trained:,}")
    yield Setting("updates", f"{result.steps:,}")
    if result.kept is not None:
        which = f"the best {result.kept.metric}" if result.kept.best else "the last"
        yield Setting("weights kept", f"after epoch {result.kept.epoch:g}: {which} (dev)")
    yield Setting("seconds of training", f"{result.seconds:,.0f}")


def _figures(result: FinetuneResult) -> Iterator[Setting]:
    if result.figures is not None:
        for name, value in result.figures.in_words().items():
            yield Setting(f"{name} (dev)", value)
