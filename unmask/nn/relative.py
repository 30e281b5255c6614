"""Distances between tokens: the buckets they fall into, and what they add to attention's scores.

Shape suffixes: S tokens of a sequence, N sequences of equal length, C queries of them, H heads,
K width of a head, R rows of a distance table, W keys whose distances are told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from unmask.nn.config import Bucketed, Disentangled, Position, Rope
from unmask.nn.norm import build_norm
from unmask.nn.position import Rotation


@dataclass(frozen=True, slots=True)
class DistanceTable:
    """The vectors of distances, before a layer projects them.

    Attributes:
        table: `(R, D)`.
        index: `(2 S - 1,)` the row of each distance, query less key, from -(S - 1) on.
        terms: see `Disentangled`.
    """

    table: torch.Tensor
    index: torch.Tensor
    terms: tuple[Literal["c2p", "p2c"], ...]


Place = Rotation | DistanceTable | torch.Tensor | None
"""What a layer is told of positions: a rotation, a table of distances, or `(H, S, S)` scores."""


@dataclass(frozen=True, slots=True)
class DistanceScores:
    """What disentangled attention adds to the scores of content with content, in one layer.

    Attributes:
        queries, keys: `(R, H, K)` the table as queries and as keys.
        index, terms: as in `DistanceTable`.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    index: torch.Tensor
    terms: tuple[Literal["c2p", "p2c"], ...]

    def scores(self, q_NHSK: torch.Tensor, k_NHSK: torch.Tensor) -> torch.Tensor:
        """`(N, H, S, S)`, unscaled: what is added for every pair.

        Source: He et al. 2021, equation 4; both terms read the row of query less key.
        """
        return self.chunk(q_NHSK, self.of_keys(k_NHSK), 0, slice(0, k_NHSK.shape[2]))

    def of_keys(self, k_NHSK: torch.Tensor) -> torch.Tensor:
        """`(N, H, R, S)` every distance as a query with every key; R is 0 without that term."""
        rows = len(self.queries) if "p2c" in self.terms else 0
        queries_HRK = self.queries[:rows].transpose(0, 1).to(k_NHSK.dtype)
        return queries_HRK @ k_NHSK.mT

    def chunk(
        self, q_NHCK: torch.Tensor, p2c_NHRS: torch.Tensor, start: int, band: slice
    ) -> torch.Tensor:
        """`(N, H, C, S)`, unscaled, of the queries from place `start` on.

        Args:
            p2c_NHRS: from `of_keys`.
            band: the keys of which distances are told apart. Those before it take the last row,
                those after it the first: two numbers for each query and key, and nothing to look
                up for each pair.
        """
        C, S = q_NHCK.shape[2], p2c_NHRS.shape[3]
        first, end = band.start, band.stop
        index_CW = self.between(start, C, range(first, end))
        parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        if "c2p" in self.terms:
            c2p_NHCR = q_NHCK @ self.keys.permute(1, 2, 0).to(q_NHCK.dtype)
            picked = c2p_NHCR.gather(-1, index_CW.expand(*c2p_NHCR.shape[:2], *index_CW.shape))
            parts.append((c2p_NHCR[..., -1:], picked, c2p_NHCR[..., :1]))
        if "p2c" in self.terms:
            inner_NHRW = p2c_NHRS[..., first:end]
            picked = inner_NHRW.gather(2, index_CW.expand(*inner_NHRW.shape[:2], *index_CW.shape))
            parts.append((p2c_NHRS[..., -1:, :first], picked, p2c_NHRS[..., :1, end:]))
        zero = q_NHCK.new_zeros(())
        before, inner, after = (sum(zone, start=zero) for zone in zip(*parts, strict=True))
        if end - first == S:
            return inner
        zones = ((before, first), (inner, end - first), (after, S - end))
        return torch.cat([x.expand(*q_NHCK.shape[:3], width) for x, width in zones], dim=-1)

    def reach(self) -> tuple[int, int]:
        """From which distance on the row is the last, and down to which it is the first."""
        longest = (len(self.index) + 1) // 2
        ends = torch.stack((self.index == len(self.queries) - 1, self.index == 0))
        last, first = ends.sum(1).tolist()
        return longest - last, first - longest

    def between(self, start: int, queries: int, keys: range) -> torch.Tensor:
        """`(C, W)` the row for each pair of a query from `start` on and one of the keys."""
        longest = (len(self.index) + 1) // 2
        device = self.index.device
        place = torch.arange(start, start + queries, device=device)[:, None]
        return self.index[place - torch.arange(keys.start, keys.stop, device=device) + longest - 1]


class BucketBias(nn.Module):
    """The number that each head adds to the score of a pair, by the bucket of its distance."""

    def __init__(self, heads: int, config: Bucketed) -> None:
        super().__init__()
        self.table = nn.Embedding(config.buckets, heads)
        self.config = config

    def forward(self, longest: int) -> torch.Tensor:
        """`(H, S, S)` for sequences of up to S = `longest` tokens."""
        place = torch.arange(longest, device=self.table.weight.device)
        rows_SS = bucket_of(place - place[:, None], self.config)
        bias: torch.Tensor = self.table(rows_SS).permute(2, 0, 1)
        return bias


def bucket_of(distance: torch.Tensor, config: Bucketed) -> torch.Tensor:
    """The bucket of each distance, key less query; those of keys before the query come first.

    Source: Raffel et al. 2020, section 2.1, as MPNet's published code computes it, in float32.
    """
    half = config.buckets // 2
    single = half // 2
    away = distance.abs()
    share = torch.log(away.clamp(min=1).float() / single) / math.log(config.farthest / single)
    far = (single + (share * (half - single)).long()).clamp(max=half - 1)
    return torch.where(away < single, away, far) + (distance > 0) * half


class DistanceVectors(nn.Module):
    """The table of distance vectors that all layers read."""

    def __init__(self, width: int, config: Disentangled) -> None:
        super().__init__()
        self.table = nn.Embedding(2 * config.span, width)
        self.norm = build_norm(width, config.norm)
        self.config = config

    def forward(self, longest: int) -> DistanceTable:
        """The table for sequences of up to `longest` tokens."""
        distance = torch.arange(1 - longest, longest, device=self.table.weight.device)
        index = row_of(distance, self.config)
        return DistanceTable(self.norm(self.table.weight), index, self.config.terms)


def row_of(distance: torch.Tensor, config: Disentangled) -> torch.Tensor:
    """The row of each distance, query less key.

    Source: He et al. 2021, appendix A.2 of DeBERTa-v3's log buckets, as its published code computes
    them, in float32.
    """
    span = config.span
    if config.bucketed:
        middle = span // 2
        near = distance.abs() <= middle
        away = distance.abs().clamp(min=middle)
        share = torch.log(away / middle) / torch.log(torch.tensor((config.farthest - 1) / middle))
        far = (torch.ceil(share * (middle - 1)) + middle).long() * distance.sign()
        distance = torch.where(near, distance, far)
    return (distance + span).clamp(0, 2 * span - 1)


def build_relative(width: int, heads: int, position: Position | None) -> nn.Module | None:
    """The module that all layers share for their distances, where there is one."""
    match position:
        case Bucketed():
            return BucketBias(heads, position)
        case Disentangled():
            return DistanceVectors(width, position)
        case Rope() | None:
            return None
