"""The weights with the best held-out figure, and when to stop waiting for better ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from unmask.train.weights import put_weights, trained_weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What a run's weights are chosen by.

    Attributes:
        figure: a name among the held-out figures. "loss" should be low, all others high.
        keep: whether the finished model has the weights that were best; else its last ones.
        patience: the run ends after so many evaluations in a row without a better figure; None for
            never.
    """

    figure: str
    keep: bool = True
    patience: int | None = None

    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        """The higher the better: the figure, then a low loss, which tells more when the figure
        stands still. A figure that is not finite is worse than any other."""
        value, loss = (figures.get(name, math.nan) for name in (self.figure, "loss"))
        value = -value if self.figure == "loss" else value
        return _finite(value), _finite(-loss)


class Best:
    """What the evaluations of a run have found so far.

    The best weights are kept in memory and in every saved state, as those of `Average` are: files
    of their own could be lost or left over apart from it. All of it is a function of the
    evaluations, so that a resumed run chooses and stops as one that was never broken.

    Attributes:
        step: after which the weights were best; 0 before the first evaluation.
        since: evaluations in a row, up to now, without a better figure.
        figures: of the best weights.
        last: figures of the last evaluation.
        weights: the best, by name; empty where they are not kept.
    """

    def __init__(self) -> None:
        self.step = self.since = 0
        self.figures: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.weights: dict[str, torch.Tensor] = {}

    def take(self, goal: Goal, step: int, figures: Mapping[str, float], model: nn.Module) -> None:
        """Look at an evaluation after so many steps."""
        self.last = {name: value for name, value in figures.items() if math.isfinite(value)}
        new, old = goal.rank(figures), goal.rank(self.figures)
        better = self.step == 0 or new[0] > old[0]
        self.since = 0 if better else self.since + 1
        if better or new > old:
            self.step, self.figures = step, self.last
            if goal.keep:
                self.weights = {
                    name: one.detach().clone() for name, one in trained_weights(model).items()
                }

    def tired(self, goal: Goal) -> bool:
        """Whether patience is at its end."""
        return goal.patience is not None and self.since >= goal.patience

    def give(self, model: nn.Module) -> None:
        """Put the best weights into the model."""
        put_weights(model, self.weights)

    def state(self) -> dict[str, Any]:
        """For a saved state."""
        return {name: getattr(self, name) for name in _KEPT} | {"weights": dict(self.weights)}

    def load(self, state: Mapping[str, Any], model: nn.Module) -> None:
        """Put a saved state back, the weights beside the model's own."""
        for name in _KEPT:
            setattr(self, name, state[name])
        own = model.state_dict()
        self.weights = {name: one.to(own[name].device) for name, one in state["weights"].items()}


_KEPT = ("step", "since", "figures", "last")


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
