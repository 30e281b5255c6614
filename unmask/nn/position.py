"""Rotary positions: a table for a batch, and its application.

Shape suffixes: T tokens, N tensors rotated together, H heads, K half of a head's width.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class Rotation(NamedTuple):
    """Cosine and sine of every token's angles, each `(T, 1, 1, K)` in float32."""

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
    return Rotation(angles_TK.cos()[:, None, None], angles_TK.sin()[:, None, None])


class _Rotate(torch.autograd.Function):
    """Rotation and, backwards, rotation by the opposite angles: two passes over memory instead of
    the seven that autograd would record for the same products and sums."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, -sin), None, None


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Every pair turned by its angle, in float32, as the dtype that came in."""
    first, second = x.float().chunk(2, dim=-1)
    out = x.new_empty(x.shape, dtype=torch.float32)
    left, right = out.chunk(2, dim=-1)
    torch.mul(first, cos, out=left).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=right).addcmul_(first, sin)
    return out.to(x.dtype)


def rotate(x_TNHD: torch.Tensor, table: Rotation) -> torch.Tensor:
    """Turn each pair (i, i + K) of every head by its token's angle; the halves layout of NeoX.

    Args:
        x_TNHD: `(T, N, H, 2 K)`, for instance queries and keys together (N = 2).

    Returns:
        The same shape and dtype.
    """
    turned: torch.Tensor = _Rotate.apply(x_TNHD, *table)  # type: ignore[no-untyped-call]
    return turned
