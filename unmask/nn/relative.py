"""Distances between tokens: the buckets they fall into, and what they add to attention's scores.

Shape suffixes: S tokens of a sequence, N sequences of equal length, C queries of them, H heads,
K width of a head, R rows of a distance table.
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

    def scores(self, q_NHCK: torch.Tensor, k_NHSK: torch.Tensor, start: int = 0) -> torch.Tensor:
        """`(N, H, C, S)`, unscaled, of the queries from place `start` on.

        Source: He et al. 2021, equation 4; both terms read the row of query less key.
        """
        C, S = q_NHCK.shape[2], k_NHSK.shape[2]
        index_CS = self.between(start, C, S)
        total = q_NHCK.new_zeros(())
        if "c2p" in self.terms:
            keys_HKR = self.keys.permute(1, 2, 0).to(q_NHCK.dtype)
            c2p_NHCR = q_NHCK @ keys_HKR
            total = total + c2p_NHCR.gather(-1, index_CS.expand(*c2p_NHCR.shape[:2], C, S))
        if "p2c" in self.terms:
            queries_HRK = self.queries.transpose(0, 1).to(q_NHCK.dtype)
            p2c_NHRS = queries_HRK @ k_NHSK.mT
            total = total + p2c_NHRS.gather(2, index_CS.expand(*p2c_NHRS.shape[:2], C, S))
        return total

    def between(self, start: int, queries: int, keys: int) -> torch.Tensor:
        """`(C, S)` the row for each pair of a query from `start` on and a key."""
        longest = (len(self.index) + 1) // 2
        place = torch.arange(start, start + queries, device=self.index.device)[:, None]
        distance = place - torch.arange(keys, device=self.index.device)
        return self.index[distance + longest - 1]


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
