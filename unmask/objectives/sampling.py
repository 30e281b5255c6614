"""One token for each row of scores, by the inverse of its cumulative distribution."""

from __future__ import annotations

import torch

from unmask.objectives.cross_entropy import CHUNK


@torch.no_grad()
def sample_rows(logits: torch.Tensor, uniform: torch.Tensor, barred: torch.Tensor) -> torch.Tensor:
    """Draw from each row's softmax over the tokens that are not barred.

    The draw is a function of the row and its number: the first token at which the sum of the
    probabilities up to it is above the number.

    Args:
        logits: `(M, V)`, any floating dtype.
        uniform: `(M,)` float64 in [0, 1).
        barred: ids that are never drawn.

    Returns:
        `(M,)` int64.
    """
    size = max(1, CHUNK // logits.shape[1] if logits.is_cpu else len(logits))
    drawn = [
        _of_some(logits[begin : begin + size], uniform[begin : begin + size, None], barred)
        for begin in range(0, len(logits), size)
    ]
    return torch.cat(drawn) if drawn else uniform.new_zeros(0, dtype=torch.int64)


def _of_some(logits: torch.Tensor, uniform: torch.Tensor, barred: torch.Tensor) -> torch.Tensor:
    """The same for as many rows as the processor's cache holds."""
    work = logits.to(torch.float32, copy=True).index_fill_(1, barred, -torch.inf)
    weights = work.sub_(work.amax(1, keepdim=True)).exp_()
    sums = weights.cumsum(1, dtype=torch.float64)
    # Below the sum of all, so that rounding cannot lead beyond the last token that has a share.
    # Where the sum does not grow, as at a barred token, it is not above the number for the first
    # time either.
    at = torch.minimum(uniform * sums[:, -1:], sums[:, -1:].nextafter(torch.zeros_like(uniform)))
    place = torch.searchsorted(sums, at, right=True)
    # Scores that are not numbers sum to none; the step is left out then, for its loss is none.
    return place.squeeze(1).clamp_(max=logits.shape[1] - 1)
