"""Reading twice instead of remembering: gradients through a large batch in the memory of a small.

A loss over many texts together needs all their vectors, but its gradient with respect to a vector
needs nothing of how the vector came about. So texts are first read without anything being kept,
and when the gradient of their vectors is known, they are read again, some at a time, and it goes
on into the parameters (gradient caching, Gao et al. 2021, "Scaling Deep Contrastive Learning Batch
Size under Memory Limited Setup"). The price is one more reading without gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd.function import once_differentiable

Read = Callable[[], torch.Tensor]
"""Gives the same each time that it is called."""


class _ReadAgain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchor: torch.Tensor, read: Read, device: str) -> torch.Tensor:
        ctx.read, ctx.device = read, device
        # The backward pass may run where the caller's precision is no longer in force.
        ctx.mixed = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
        return read()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[None, None, None]:
        enabled, dtype = ctx.mixed
        with torch.enable_grad(), torch.autocast(ctx.device, dtype, enabled=enabled):
            again = ctx.read()
        torch.autograd.backward(again, grads[0])
        return None, None, None


def reread(read: Read, device: torch.device) -> torch.Tensor:
    """What `read` gives, of which nothing is kept; it is read again for the gradient.

    Args:
        read: gives a tensor that depends on parameters. What it draws at random it must draw the
            same both times.
        device: that it computes on.

    Returns:
        The tensor. Its gradient is added to that of the parameters as soon as it is known, so it
        can be asked for by `backward` alone, and not by `torch.autograd.grad`.
    """
    anchor = torch.zeros((), requires_grad=True)  # without one, no gradient would be asked for
    found: torch.Tensor = _ReadAgain.apply(anchor, read, device.type)  # type: ignore[no-untyped-call]
    return found


def drawn_from(seed: int, read: Read, device: torch.device) -> torch.Tensor:
    """What `read` gives with random numbers from a seed of its own.

    The global generator, which dropout draws from, is left where it was.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return read()
