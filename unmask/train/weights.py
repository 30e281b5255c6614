"""The weights that training changes, apart from those that it leaves as they are."""

from __future__ import annotations

from collections.abc import Mapping

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


def _frozen(model: nn.Module) -> set[str]:
    every = model.named_parameters(remove_duplicate=False)
    return {name for name, parameter in every if not parameter.requires_grad}
