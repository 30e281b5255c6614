"""The optimiser: Muon for the matrices of the layers, AdamW for all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from unmask.errors import ConfigError
from unmask.train.muon import Muon


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Attributes:
    lr: peak rate of AdamW, for embeddings, norms, biases and heads (and for the matrices where
        `muon_lr` is 0).
    muon_lr: peak rate of Muon for the matrices of the layers; 0 turns Muon off.
    weight_decay: decoupled decay; never on norms, biases and embedding tables.
    betas: AdamW's two averages.
    clip: largest norm of the whole gradient; of a loss with a weight above 1 in it, so many times
        that.
    """

    lr: float = 5e-3
    muon_lr: float = 0.02
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0

    def __post_init__(self) -> None:
        # What must hold is asked, since nothing holds of a NaN.
        if not (self.lr > 0 and self.clip > 0 and self.muon_lr >= 0 and self.weight_decay >= 0):
            raise ConfigError(
                "optim.lr and optim.clip must be above 0, optim.muon_lr and optim.weight_decay at "
                f"least 0, not {self.lr}, {self.clip}, {self.muon_lr} and {self.weight_decay}; "
                "correct them, or leave them out"
            )


class Optimizer:
    """Both optimisers as one.

    Muon (Jordan et al. 2024) makes each matrix's update orthogonal. It is meant for matrices
    between hidden states: token tables and heads, whose rows stand for single words or labels,
    are AdamW's.
    """

    def __init__(
        self, model: nn.Module, config: OptimConfig, shares: Mapping[str, float] | None = None
    ) -> None:
        """Optimise the parameters that are trained.

        Args:
            model: of the parameters.
            config: the rates and the rest.
            shares: of the peak rate, by a parameter's name; all of it where a name is not there.
        """
        matrices, tables, vectors = parameter_groups(model)
        known = shares or {}
        share = {id(p): known.get(name, 1.0) for name, p in model.named_parameters()}
        decayed = [] if config.muon_lr else matrices
        adam = _groups(vectors + tables, share, weight_decay=0.0)
        adam += _groups(decayed, share, weight_decay=config.weight_decay)
        self.parts: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(adam, lr=config.lr, betas=config.betas, fused=True)
        }
        if config.muon_lr and matrices:
            self.parts["muon"] = Muon(
                _groups(matrices, share), config.muon_lr, weight_decay=config.weight_decay
            )
        self.clip = config.clip
        self.peaks = {"adamw": config.lr, "muon": config.muon_lr}

    def step(self, scale: float) -> None:
        """Update every parameter, at `scale` times its share of the peak rate."""
        for name, part in self.parts.items():
            for group in part.param_groups:
                group["lr"] = self.peaks[name] * scale * group["share"]
            part.step()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self.parts.values():
            part.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as a tree of tensors and numbers."""
        return {name: part.state_dict()["state"] for name, part in self.parts.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Put a saved state back."""
        for name, part in self.parts.items():
            part.load_state_dict(
                {"state": state[name], "param_groups": part.state_dict()["param_groups"]}
            )


def _groups(
    parameters: list[nn.Parameter], share: Mapping[int, float], **options: float
) -> list[dict[str, Any]]:
    """A group for each share of the rate, in the order in which they are met."""
    found: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:
        found.setdefault(share[id(parameter)], []).append(parameter)
    return [{"params": some, "share": one, **options} for one, some in found.items()]


LAST = (".head.project", ".pairs.project")
"""Last layers, whose outputs are scores."""


def parameter_groups(
    model: nn.Module,
) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters as (matrices between hidden states, tables and last layers, vectors)."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    groups: tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]] = ([], [], [])
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.dim() < 2:
            groups[2].append(parameter)
        elif id(parameter) in tables or any(last in f".{name}" for last in LAST):
            groups[1].append(parameter)
        else:
            groups[0].append(parameter)
    return groups
