"""Cross-entropy and the number of right first guesses, in one pass over the logits.

PyTorch's own reads and writes a float32 copy of the logits about six times, and the arg max once
more; on a CPU that costs as much as a layer of a small encoder. Here a few rows at a time are
turned into their gradient, which is what the backward pass needs, while they lie in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

# Logits worked on at once on a CPU, as float32 a megabyte: a core's cache holds them.
CHUNK = 1 << 18


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        size = max(1, CHUNK // logits.shape[1] if logits.is_cpu else len(logits))
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        sums = []
        for begin in range(0, len(logits), size):
            rows = slice(begin, begin + size)
            place = None if gradient is None else gradient[rows]
            sums.append(_row_sums(logits[rows], labels[rows, None], weights[rows, None], place))
        best, score, total = (torch.cat(column).squeeze(1) for column in zip(*sums, strict=True))
        if gradient is not None:
            ctx.save_for_backward(gradient)
        hits = ((score >= best) & (weights > 0)).sum()
        ctx.mark_non_differentiable(hits)
        return ((total.log() + best - score) * weights).sum(), hits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        # In place: a second backward through the same loss raises rather than scales twice.
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(grads[0].to(gradient.dtype)), None, None


def _row_sums(
    logits: torch.Tensor,
    column: torch.Tensor,
    weights: torch.Tensor,
    gradient: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of each row the highest score, its label's score, and the sum of exp(score - highest).

    Writes the gradient of the rows' weighted losses where there is a place for it.
    """
    work = logits.to(torch.float32, copy=True)
    best = work.amax(1, keepdim=True)
    score = work.gather(1, column)
    total = work.sub_(best).exp_().sum(1, keepdim=True)
    if gradient is not None:
        gradient.copy_(work.mul_(weights / total).scatter_add_(1, column, -weights))
    return best, score, total


def summed_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted sum of the cross-entropies of rows, and how many rows score their label highest.

    Args:
        logits: `(M, V)`, any floating dtype; computed in float32.
        labels: `(M,)` int64, valid in every row.
        weights: `(M,)` float32; a row of weight 0 adds to neither result.

    Returns:
        The sum in nats, 0-d, with a gradient for `logits`; and the count of hits, where a tie
        for the highest score counts as one.
    """
    loss, hits = _SummedCrossEntropy.apply(logits, labels, weights)  # type: ignore[no-untyped-call]
    return loss, hits
