"""Which weights of a model are trained, and by which figure they are chosen."""

from __future__ import annotations

import torch
from torch import nn

from unmask.errors import ConfigError
from unmask.nn.adapting import adapt
from unmask.nn.encoder import Encoder
from unmask.train.best import Goal
from unmask.train.depth import layer_shares
from unmask.verbs.finetune_settings import FinetuneSettings, TuneBudget, TuneModel

_SEEDS = 1 << 41  # the first weights of adapters draw apart from those of a new head


def put_adapters(model: nn.Module, settings: TuneModel, seed: int) -> tuple[str, ...]:
    """Put low-rank matrices beside an encoder's, where they are asked for, and say it.

    Args:
        model: with an `encoder`; changed in place.
        settings: rank, alpha and linear layers.
        seed: of the run.

    Raises:
        ConfigError: see `unmask.nn.adapting.adapt`.
    """
    if settings.lora is None:
        return ()
    encoder, rank = model.encoder, settings.lora
    assert isinstance(encoder, Encoder)
    alpha = float(rank) if settings.lora_alpha is None else settings.lora_alpha
    draws = torch.Generator().manual_seed(_SEEDS + seed)
    adapt(encoder, rank, alpha, settings.lora_targets, draws)
    few, all_ = count_trained(model), sum(p.numel() for p in model.parameters())
    return (
        f"LoRA of rank {rank} on {', '.join(settings.lora_targets)}: {few:,} parameters are "
        f"trained, those of the head among them, beside {all_ - few:,} that stay",
    )


def count_trained(model: nn.Module) -> int:
    """How many parameters training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def rates_of(model: nn.Module, decay: float) -> tuple[dict[str, float], tuple[str, ...]]:
    """The share of the learning rate of each parameter by name, and what to say of it.

    Args:
        model: with an `encoder`.
        decay: from one layer to the next.
    """
    if decay == 1.0:
        return {}, ()
    shares, encoder = layer_shares(model, decay), model.encoder
    assert isinstance(encoder, Encoder)
    layers, sets = len(encoder.config.layers), len(encoder.layers)
    lowest, highest = decay ** (sets + 1), decay
    alike = ", which share their weights and so have one rate" if sets < layers else ""
    return shares, (
        f"learning rates fall with depth: all of it for the head, {highest:.3g} of it to "
        f"{decay**sets:.3g} from the last of {layers} layers to the first{alike}, {lowest:.3g} for "
        "the embeddings",
    )


def goal_of(budget: TuneBudget, metrics: tuple[str, ...], task: str) -> Goal | None:
    """By which figure weights are chosen; None where the task measures none.

    Args:
        budget: what is asked for.
        metrics: figures of the task that they may be chosen by, its own first.
        task: its name.

    Raises:
        ConfigError: a figure that it does not have, or patience without any.
    """
    if not metrics:
        if budget.patience is not None or budget.metric is not None:
            raise ConfigError(
                f"the task {task} is not measured while it trains, so that patience and metric "
                "would do nothing; leave them out"
            )
        return None
    if budget.metric is not None and budget.metric not in metrics:
        raise ConfigError(
            f"the metric of the task {task} must be one of {', '.join(metrics)}, not "
            f"{budget.metric!r}"
        )
    return Goal(figure=budget.metric or metrics[0], keep=budget.best, patience=budget.patience)


def trained_settings(settings: FinetuneSettings) -> str:
    """How the encoder is trained, for a card."""
    if settings.few_shot.use:
        return "by drawing texts of one label together, with a logistic regression as its head"
    if settings.model.freeze:
        return "with the encoder frozen"
    if settings.model.lora is not None:
        return (
            f"with matrices of rank {settings.model.lora} beside those of the encoder (LoRA), "
            "which have been taken into its weights, and the whole head"
        )
    return "encoder and head together"
