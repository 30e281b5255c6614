"""Rotary positions: a table for a batch, and its application.

Shape suffixes: T tokens, H heads, D width of a head, K half of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class Rotation(NamedTuple):
    """Cosine and sine of every token's angles, each `(T, 1, D)` in float32.

    Both halves of a head turn by the same angles, in opposite senses: the sine is negative in the
    first half.
    """

    cos: torch.Tensor
    sin: torch.Tensor


def rotation(positions: torch.Tensor, head_width: int, base: float) -> Rotation:
    """The angles of a flat row of tokens: position times base^(-2i / head_width).

    Args:
        positions: `(T,)` place of each token in its own sequence, from 0.
        head_width: even.
        base: see `Rope`.

    Source: Su et al. 2021, equation 15; computed in float32 as the published checkpoints do.
    """
    exponents = torch.arange(0, head_width, 2, device=positions.device).float() / head_width
    angles_TK = positions.float()[:, None] * (1.0 / base**exponents)
    cos_TK, sin_TK = angles_TK.cos(), angles_TK.sin()
    cos_TD, sin_TD = torch.cat((cos_TK, cos_TK), 1), torch.cat((-sin_TK, sin_TK), 1)
    return Rotation(cos_TD[:, None], sin_TD[:, None])


class _Rotate(torch.autograd.Function):
    """Rotation and, backwards, rotation by the opposite angles: three passes over memory instead
    of the seven that autograd would record for the same products and sums."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, -sin), None, None


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Every pair turned by its angle."""
    first, second = x.chunk(2, dim=-1)
    return (x * cos).addcmul_(torch.cat((second, first), dim=-1), sin)


def rotate(x_THD: torch.Tensor, table: Rotation) -> torch.Tensor:
    """Turn each pair (i, i + D / 2) of every head by its token's angle; the halves layout of NeoX.

    Computed in the dtype that comes in: in bf16 that is faster on a CPU than through float32, and
    the scores are rounded as coarsely afterwards.

    Args:
        x_THD: `(T, H, D)`, for instance the heads of queries and of keys together.

    Returns:
        The same shape and dtype.
    """
    cos, sin = (part.to(x_THD.dtype) for part in table)
    turned: torch.Tensor = _Rotate.apply(x_THD, cos, sin)  # type: ignore[no-untyped-call]
    return turned
