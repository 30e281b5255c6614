"""A model's weights: those that training changes, and those that it began with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn


def trained_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters that are trained and all buffers, by name; not copied.

    What is frozen comes from the model that a run begins with, so that no state need hold it.
    """
    frozen = _frozen(model)
    return {name: one for name, one in model.state_dict().items() if name not in frozen}


def put_weights(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a model the weights that `trained_weights` gave of one like it.

    Raises:
        RuntimeError: the names or shapes are others.
    """
    frozen = _frozen(model)
    left = {name: one for name, one in model.state_dict().items() if name in frozen}
    model.load_state_dict({**left, **weights})


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Within the block the parameters may be changed; behind it they are what they were before."""
    before = copied(model)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(before[name])


def copied(model: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters by name, as they are now."""
    return {name: one.detach().clone() for name, one in model.named_parameters()}


@dataclass(frozen=True, slots=True)
class Beginning:
    """The weights that a model began with, towards which trained ones are moved back.

    What lies between the weights of a pretrained model and those it was trained to is often better
    than either (Wortsman et al. 2022, robust fine-tuning of zero-shot models).

    Attributes:
        weights: by the names of the parameters.
        share: that they have in the mean of both: 0 for none, 1 for all.
    """

    weights: Mapping[str, torch.Tensor]
    share: float

    @classmethod
    def of(cls, model: nn.Module, share: float) -> Beginning:
        """The weights that a model has now; none are held for a share of 0."""
        return cls(copied(model) if share else {}, share)

    @torch.no_grad()
    def mix(self, model: nn.Module) -> None:
        """Put the mean into the model, whose parameters are the trained ones."""
        if self.share:
            for name, parameter in model.named_parameters():
                parameter.lerp_(self.weights[name].to(parameter), self.share)

    @contextmanager
    def mixed(self, model: nn.Module) -> Iterator[None]:
        """The mean is in the model within the block, and what was there before behind it."""
        if not self.share:
            yield
            return
        with restored(model):
            self.mix(model)
            yield


def _frozen(model: nn.Module) -> set[str]:
    every = model.named_parameters(remove_duplicate=False)
    return {name for name, parameter in every if not parameter.requires_grad}
