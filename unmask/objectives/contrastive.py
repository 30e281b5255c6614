"""Telling a query's document from others: InfoNCE with the update's documents as negatives.

Every document of an update is held against every query of it (in-batch negatives, van den Oord et
al. 2018; Karpukhin et al. 2020), whether it came as another query's document or as a hard
negative. What must not be held against a query is barred: its other documents, also those that
belong to it in rows of other updates, and a text that says the same as the query itself.

Shapes: N rows of an update, Q different queries, M different documents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from unmask.errors import ConfigError
from unmask.objectives.cross_entropy import summed_cross_entropy
from unmask.objectives.related import AskedRows, Term

Directions = Literal["queries", "both"]
TEMPERATURE = 0.05


def told_apart(
    cosines: torch.Tensor, own: torch.Tensor, barred: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """InfoNCE, one way: how well each row's own column is told from those that are not barred.

    Args:
        cosines: `(N, M)` float32.
        own: `(N,)` int64, the column that belongs to each row; it may be barred or not.
        barred: `(N, M)` whether a column is left out of a row's negatives.
        temperature: that cosines are divided by.

    Returns:
        The sum over rows in nats, 0-d; and for how many of them their own column was the nearest.
        A row without a negative adds to neither.
    """
    others = barred.scatter(1, own[:, None], False)
    scores = (cosines / temperature).masked_fill(others, -math.inf)
    return summed_cross_entropy(scores, own, _has_negative(own, barred).float())


def _has_negative(own: torch.Tensor, barred: torch.Tensor) -> torch.Tensor:
    """`(N,)` whether a row has a column to be told from."""
    return ~barred.scatter(1, own[:, None], True).all(1)


def check_temperature(temperature: float) -> None:
    """Refuse what cosines cannot be divided by.

    Raises:
        ConfigError: it is not above 0.
    """
    if not 0.0 < temperature < math.inf:
        raise ConfigError(
            f"the temperature by which cosines are divided must be above 0, not {temperature}; "
            f"give embed.temperature={TEMPERATURE}"
        )


@dataclass(frozen=True, slots=True)
class Contrast:
    """Cross-entropy of each query's document among the documents of its update.

    With "both" ways the document also looks for its query among the update's queries, and each way
    has half the weight (Radford et al. 2021). Each row weighs the same.

    Attributes:
        temperature: above 0; its inverse is what others call the scale.
        directions: who looks for whom.
    """

    temperature: float = TEMPERATURE
    directions: Directions = "queries"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    @property
    def weight(self) -> float:
        """Of each term."""
        return 1.0 if self.directions == "queries" else 0.5

    def targets(self, asked: AskedRows) -> dict[str, int]:
        """The rows that have something to be told from, each way."""
        return {
            name: int(_has_negative(own, barred).sum())
            for name, (_, own, barred) in self._ways(asked).items()
        }

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> dict[str, Term]:
        """Each way's sum over rows, and how many found theirs first.

        Args:
            cosines: `(Q, M)` float32, of queries and documents.
            asked: the rows.
        """
        sides = {"queries": cosines, "documents": cosines.T}
        return {
            name: told_apart(sides[name][rows], own, barred, self.temperature)
            for name, (rows, own, barred) in self._ways(asked).items()
        }

    def _ways(
        self, asked: AskedRows
    ) -> Mapping[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Of each way: who looks, what belongs to them, and what is barred for each."""
        queries, documents = asked.queries, asked.documents[:, 0]
        ways = {"queries": (queries, documents, asked.barred[queries])}
        if self.directions == "both":
            ways["documents"] = (documents, queries, asked.barred.T[documents])
        return ways
