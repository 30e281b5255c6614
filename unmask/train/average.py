"""The mean of a run's weights over its last points (Kaddour 2022, latest weight averaging)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from unmask.errors import ConfigError
from unmask.train.weights import restored


@dataclass(frozen=True, slots=True)
class Points:
    """The steps after which weights are taken: the last one of the run, and some before it.

    They depend on nothing but the number of steps, so that evaluating or saving more often, which
    a resumed run may do, moves none.

    Attributes:
        number: how many; 0 for no mean.
        every: steps from one to the next.
        last: steps of the run.

    Raises:
        ConfigError: a number is out of range, or the run is too short for so many.
    """

    number: int
    every: int
    last: int

    def __post_init__(self) -> None:
        if self.number < 0 or self.number == 1 or self.every < 1:
            raise ConfigError(
                "a mean of weights is of at least 2 points, at least 1 step apart, not of "
                f"{self.number}, {self.every} apart; give run.average=5 and leave "
                "run.average_every out, or run.average=0 for no mean"
            )
        if self.number and self.first < 1:
            raise ConfigError(
                f"a mean of {self.number} points, {self.every} steps apart, needs a run of at "
                f"least {(self.number - 1) * self.every + 1} steps, but this one has {self.last}; "
                "lower run.average or run.average_every"
            )

    @property
    def first(self) -> int:
        """The step of the first point."""
        return self.last - (self.number - 1) * self.every

    def __contains__(self, step: int) -> bool:
        inside = bool(self.number) and self.first <= step <= self.last
        return inside and (self.last - step) % self.every == 0


class Average:
    """A running sum in float32 of a model's parameters.

    The sum is kept, and not the points: it costs one copy of the weights however many points there
    are, in memory and in each saved state, and is part of the state that a step is saved with.
    Points kept as files of their own could be lost or left over apart from it.

    Attributes:
        taken: points so far.
        sums: by parameter; empty before the first point.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.sums: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def take(self, model: nn.Module) -> None:
        """Add the weights as they are now."""
        for name, parameter in model.named_parameters():
            if name in self.sums:
                self.sums[name] += parameter.float()
            else:
                self.sums[name] = parameter.detach().to(torch.float32, copy=True)
        self.taken += 1

    @torch.no_grad()
    def give(self, model: nn.Module) -> None:
        """Put the mean into the model, in the type that each parameter has."""
        for name, parameter in model.named_parameters():
            parameter.copy_(self.sums[name] / self.taken)

    @contextmanager
    def given(self, model: nn.Module) -> Iterator[None]:
        """The mean is in the model within the block, and what was there before behind it."""
        with restored(model):
            self.give(model)
            yield

    def state(self) -> dict[str, Any]:
        """For a saved state."""
        return {"taken": self.taken, "sums": dict(self.sums)}

    def load(self, state: Mapping[str, Any], model: nn.Module) -> None:
        """Put a saved state back, the sums beside the model's parameters."""
        places = {name: p.device for name, p in model.named_parameters()}
        self.taken = state["taken"]
        self.sums = {name: one.to(places[name]) for name, one in state["sums"].items()}
