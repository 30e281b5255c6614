"""The reference kernel: one sequence after the other, every score in float32.

Shape suffixes: T tokens of the whole row, S tokens of a sequence, H heads, K width of a head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch.nn import functional as F

from unmask.nn.layout import Layout, Scoring, for_all_heads, visible
from unmask.nn.relative import DistanceScores


def attend_reference(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> torch.Tensor:
    """One sequence after the other, every score in float32: the oracle of the other kernels."""
    return _mixed(probabilities(q, k, v, layout, asked), v, layout, asked)


class Recorder:
    """The reference kernel, which keeps the probabilities that it computes.

    Attributes:
        seen: for each sequence `(H, S, S)` in float32; S queries, then S keys.
    """

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring, /
    ) -> torch.Tensor:
        """As `attend_reference`."""
        k, v = (for_all_heads(x, q.shape[1]) for x in (k, v))
        found = list(probabilities(q, k, v, layout, asked))
        self.seen += [weights_HSS for weights_HSS, _ in found]
        return _mixed(found, v, layout, asked)


def _mixed(
    found: Iterable[tuple[torch.Tensor, torch.Tensor]],
    v: torch.Tensor,
    layout: Layout,
    asked: Scoring,
) -> torch.Tensor:
    """Each sequence's values weighed by its probabilities, as one row `(T, H, K)`."""
    mixed = [
        torch.einsum("hst,thk->shk", F.dropout(weights_HSS, asked.dropout), v_SHK.float())
        for weights_HSS, v_SHK in found
    ]
    mixed.append(v.new_zeros(layout.sizes[-1], *v.shape[1:]))
    return torch.cat([part.to(v.dtype) for part in mixed])


def probabilities(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each sequence its attention probabilities `(H, S, S)` in float32, and its values."""
    rows = [*layout.lengths, layout.sizes[-1]]
    sequences = zip(*(torch.split(x, rows)[: len(layout.lengths)] for x in (q, k, v)), strict=True)
    for q_SHK, k_SHK, v_SHK in sequences:
        q_HSK, k_HSK = (x.float().transpose(0, 1) for x in (q_SHK, k_SHK))
        scores_HSS = q_HSK @ k_HSK.mT
        if isinstance(asked.bias, DistanceScores):
            scores_HSS = scores_HSS + asked.bias.scores(q_HSK[None], k_HSK[None])[0]
        scores_HSS = scores_HSS * asked.scale
        if isinstance(asked.bias, torch.Tensor):
            scores_HSS = scores_HSS + asked.bias[:, : len(q_SHK), : len(q_SHK)]
        place = torch.arange(len(q_SHK), device=q.device)
        hidden = ~visible(place[:, None], place, asked.window, asked.causal)
        yield scores_HSS.masked_fill(hidden, float("-inf")).softmax(-1), v_SHK
