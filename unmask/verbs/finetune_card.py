"""The model card of a fine-tuned classifier."""

from __future__ import annotations

from collections.abc import Iterator

from unmask.checkpoint.folder import Opened
from unmask.config import to_mapping
from unmask.heads.model import SequenceClassifier
from unmask.report.card import Card, model_card
from unmask.report.facts import Setting, settings
from unmask.verbs.finetune_result import FinetuneResult
from unmask.verbs.finetune_settings import FinetuneSettings, Recipe
from unmask.verbs.labelled_data import Split
from unmask.verbs.machine import processor, versions

MOST_LABELS = 20  # named in the card


def classifier_card(
    wanted: FinetuneSettings,
    recipe: Recipe,
    split: Split,
    opened: Opened[SequenceClassifier],
    result: FinetuneResult,
) -> str:
    """The card: data, recipe, figures, versions."""
    parameters = sum(p.numel() for p in opened.model.parameters())
    how = "with the encoder frozen" if wanted.model.freeze else "encoder and head together"
    return model_card(
        Card(
            name=result.folder.resolve().name or "classifier",
            folder=str(result.model),
            task="text-classification",
            summary=(
                f"A {opened.arch.name} classifier of {parameters:,} parameters for "
                f"{len(opened.labels)} labels, fine-tuned {how}."
            ),
            data=_data(split, opened.labels, result),
            recipe=tuple(_recipe(wanted, recipe, result)),
            figures=tuple(_figures(result)),
            versions=settings({**versions(), "processor": processor()}),
            opens_in_transformers=_published(opened),
        )
    )


def _published(opened: Opened[SequenceClassifier]) -> bool:
    """Whether the published format can express the model, in which case it is saved so."""
    from unmask.errors import UnsupportedModel

    try:
        opened.config.published()
    except UnsupportedModel:
        return False
    return True


def _data(split: Split, labels: tuple[str, ...], result: FinetuneResult) -> str:
    named = ", ".join(labels[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    return (
        f"{result.train_rows:,} labelled rows to train on and {result.dev_rows:,} to measure with. "
        f"{'. '.join(split.notes)}. Labels: {named}{more}."
    )


def _recipe(wanted: FinetuneSettings, recipe: Recipe, result: FinetuneResult) -> Iterator[Setting]:
    chosen: dict[str, dict[str, float]] = {
        "optim": {"lr": recipe.optim.lr},
        "budget": {"epochs": recipe.epochs},
    }
    for room, table in to_mapping(wanted).items():
        if isinstance(table, dict):
            for key, value in {**table, **chosen.get(room, {})}.items():
                yield Setting(f"{room}.{key}", str(value))
    yield Setting("updates", f"{result.steps:,}")
    yield Setting("seconds of training", f"{result.seconds:,.0f}")


def _figures(result: FinetuneResult) -> Iterator[Setting]:
    if result.figures is not None:
        for name, value in result.figures.in_words().items():
            yield Setting(f"{name} (dev)", value)
