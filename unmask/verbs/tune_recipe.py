"""What a fine-tuning run chooses by itself where its settings leave it open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unmask.checkpoint.jsonfile import Json
from unmask.train.optim import OptimConfig
from unmask.verbs.embed_settings import EMBED_RECIPES, EMBED_UPDATES
from unmask.verbs.finetune_settings import FinetuneSettings

LEAST_UPDATES = 200  # fewer than that are too few for a new head, however small the data
MOST_EPOCHS = 30
FROZEN_LR, FROZEN_EPOCHS = 3e-3, 20
LORA_LR = 1e-3  # by a trial, see docs/log.md; epochs are those of the whole model
FEW_EPOCHS = 5  # with --few-shot, however few the texts; see docs/log.md
# Peak learning rate and epochs up to a width. Wide encoders are those that were pretrained for
# long: the more an encoder knows, the less it should be moved.
RECIPES = ((128, 1e-3, 5), (256, 5e-4, 5), (512, 2e-4, 4), (None, 5e-5, 3))
BATCH = 32
# Of words, where the whole model learns: rare entities need many updates; see docs/log.md.
TAG_BATCH, TAG_SHARE = 16, 0.75
DROPOUT = 0.1  # of words and with --few-shot, where the whole model learns
FEW_PRETRAINED = 0.7  # the same, of a model whose vectors were good before


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was chosen where the settings leave it open.

    Attributes:
        optim: of the optimiser, with its learning rate.
        epochs: passes over the training rows.
        batch: rows of an update, on average.
        dropout: share of hidden units that is dropped.
        pretrained_share: see `TuneModel`.
        note: what was chosen and why, for the user; empty if all was given.
    """

    optim: OptimConfig
    epochs: int
    batch: int
    dropout: float
    pretrained_share: float
    note: str

    @property
    def chosen(self) -> dict[str, Json]:
        """What a run that goes on must use again."""
        return {
            "lr": self.optim.lr,
            "epochs": self.epochs,
            "batch": self.batch,
            "dropout": self.dropout,
            "pretrained_share": self.pretrained_share,
        }

    def again(self, chosen: Mapping[str, Any]) -> Recipe:
        """The recipe of a run that began with these choices, as `chosen` gave them."""
        other = dict(chosen)
        said = ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in other.items()
            if value != self.chosen[name]
        )
        note = f"goes on with what was chosen when the run began: {said}"
        return replace(self, optim=replace(self.optim, lr=other.pop("lr")), **other, note=note)

    @classmethod
    def of(
        cls, settings: FinetuneSettings, width: int, rows: int, *, embeds: bool = False
    ) -> Recipe:
        """The recipe for an encoder on so many rows.

        Args:
            settings: of the run.
            width: of the encoder.
            rows: to learn from.
            embeds: whether the model is one of embeddings, whose vectors are worth keeping.

        The rate comes from `RECIPES`, or is `FROZEN_LR` for a head alone and `LORA_LR` for
        matrices of low rank, whose weights start from nothing. Little data is read more often, so
        that there are some `LEAST_UPDATES`, but for few-shot. Vectors have a table of their own.
        """
        vectors = settings.task == "embed"
        table, least = (EMBED_RECIPES, EMBED_UPDATES) if vectors else (RECIPES, LEAST_UPDATES)
        rate, epochs = next((lr, n) for most, lr, n in table if most is None or width <= most)
        whole = not settings.model.freeze and settings.model.lora is None
        few = whole and settings.few_shot.use
        tags = whole and settings.task == "tag"
        batch, why = settings.budget.batch or BATCH, f"by the encoder's width of {width}"
        if settings.model.freeze:
            rate, epochs, why = FROZEN_LR, FROZEN_EPOCHS, "for a head alone"
        elif settings.model.lora is not None:
            rate, why = LORA_LR, f"for LoRA, {why}"
        elif few:
            epochs = FEW_EPOCHS
        elif tags and settings.budget.batch is None:
            rate, batch = TAG_SHARE * rate, TAG_BATCH
        updates = math.ceil(rows / batch)
        if not few:  # its head is fitted, not learnt
            epochs = max(epochs, min(MOST_EPOCHS, math.ceil(least / updates)))
        lr, chosen = settings.optim.lr, settings.budget.epochs
        dropout = DROPOUT if tags or few else 0.0
        share = FEW_PRETRAINED if few and embeds else 0.0
        given = settings.model
        said = []
        if lr is None:
            said.append(f"a learning rate of {rate:g} (--lr)")
        if chosen is None:
            said.append(f"{epochs} epochs (--epochs)")
        if batch not in (BATCH, settings.budget.batch):
            said.append(f"batches of {batch} (--batch)")
        if given.dropout is not None:
            dropout = given.dropout
        elif dropout:
            said.append(f"a dropout of {dropout:g} (--dropout)")
        if given.pretrained_share is not None:
            share = given.pretrained_share
        elif share:
            said.append(f"weights that keep {share:g} of what they were (--pretrained-share)")
        words = " and ".join((", ".join(said[:-1]), *said[-1:]) if said[1:] else said)
        note = f"chosen {why} and {rows:,} rows: {words}" if said else ""
        asked = settings.optim
        optim = OptimConfig(
            lr=rate if lr is None else lr,
            muon_lr=asked.muon_lr,
            weight_decay=asked.weight_decay,
            betas=asked.betas,
            clip=asked.clip,
        )
        return cls(optim, chosen or epochs, batch, dropout, share, note)
