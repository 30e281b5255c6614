"""Muon, with the matrices of one shape worked on together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import torch
from torch import nn

from unmask.nn.processor import fast_bf16

# a x + b x^3 + c x^5, whose five-fold iteration takes any singular value in (0, 1] to about 1.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal (Jordan et al. 2024).

    The numbers are those of `torch.optim.Muon` at its defaults, and so is the saved state. That
    one works on one matrix at a time, in calls so small that much of the time goes into calling
    (docs/log.md, 2026-11-22).
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(matrices, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            matrices = [p for p in group["params"] if p.grad is not None]
            for _, alike in groupby(sorted(matrices, key=_shape), key=_shape):
                self._update(list(alike), group)
        return loss

    def _update(self, matrices: list[nn.Parameter], group: dict[str, Any]) -> None:
        """One step of matrices of one shape."""
        gradients = [p.grad for p in matrices if p.grad is not None]
        averages = [self._average(p) for p in matrices]
        torch._foreach_lerp_(averages, gradients, 1.0 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, averages, group["momentum"])
        update = orthogonal(torch.stack(ahead)).float()
        rows, columns = matrices[0].shape
        torch._foreach_mul_([*matrices], 1.0 - group["lr"] * group["weight_decay"])
        rate = group["lr"] * math.sqrt(max(1.0, rows / columns))
        torch._foreach_add_([*matrices], update.unbind(), alpha=-rate)

    def _average(self, matrix: nn.Parameter) -> torch.Tensor:
        """The running average of a matrix's gradients, zero to begin with."""
        state = self.state[matrix]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        average: torch.Tensor = state["momentum_buffer"]
        return average


def _shape(matrix: torch.Tensor) -> tuple[int, ...]:
    return tuple(matrix.shape)


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Each matrix of `(N, R, C)` with all its singular values moved to about 1.

    Five Newton-Schulz iterations, in bf16 where the processor multiplies it in hardware: the
    iteration forgives rounding. Singular values end between about 0.7 and 1.2, which is enough.
    """
    a, b, c = NEWTON_SCHULZ
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x.to(torch.bfloat16 if fast_bf16(stack.device) else torch.float32).contiguous()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
