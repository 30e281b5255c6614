"""Losses of pairs of texts that have a grade, and of documents that a teacher has scored.

Shapes: N rows of an update, Q different queries, M different documents, K documents of a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from unmask.objectives.contrastive import TEMPERATURE, check_temperature
from unmask.objectives.related import AskedRows, Term


def _of_pairs(cosines: torch.Tensor, asked: AskedRows) -> torch.Tensor:
    """`(N,)` the cosine of each row's two texts."""
    return cosines[asked.queries, asked.documents[:, 0]]


def _of_lists(cosines: torch.Tensor, asked: AskedRows) -> torch.Tensor:
    """`(N, K)` the cosines of each row's query with its documents; of a gap with any document."""
    return cosines[asked.queries[:, None], asked.documents.clamp(min=0)]


def _none(like: torch.Tensor) -> torch.Tensor:
    """No hits."""
    return torch.zeros((), device=like.device)


@dataclass(frozen=True, slots=True)
class Cosine:
    """The squared error of the cosine against the grade (Reimers and Gurevych 2019, section 3).

    Grades lie between -1 and 1.
    """

    weight = 1.0

    def targets(self, asked: AskedRows) -> dict[str, int]:
        """Every pair."""
        return {"pairs": len(asked.queries)}

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> dict[str, Term]:
        """The sum over pairs of `(Q, M)` cosines; there are no hits."""
        total = (_of_pairs(cosines, asked) - asked.grades).square().sum()
        return {"pairs": (total, _none(cosines))}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Pairs put in the order of their grades: CoSENT (Su 2022).

    The logarithm of 1 + the sum over all two pairs of an update, of which one has the higher grade,
    of exp((cosine of the lower - cosine of the higher) / temperature). Only the order of grades
    counts, not their unit. It is one number for an update, and no sum over its pairs.

    Attributes:
        temperature: above 0.
    """

    temperature: float = TEMPERATURE
    weight = 1.0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def targets(self, asked: AskedRows) -> dict[str, int]:
        """One; none where all grades of the update are equal."""
        return {"order": int(bool((asked.grades != asked.grades[0]).any()))}

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> dict[str, Term]:
        """Of `(Q, M)` cosines; there are no hits."""
        scores = _of_pairs(cosines, asked) / self.temperature
        higher = asked.grades[:, None] > asked.grades
        wrong = (scores[None, :] - scores[:, None]).masked_fill(~higher, -math.inf)
        total = torch.cat([wrong.new_zeros(1), wrong.flatten()]).logsumexp(0)
        return {"order": (total, _none(cosines))}


@dataclass(frozen=True, slots=True)
class MarginError:
    """The squared error of margins against a teacher's: margin-MSE (Hofstaetter et al. 2020).

    A margin is the score of a query's document less that of a negative. The student's scores are
    cosines divided by the temperature, so that they can reach the margins of a cross-encoder's
    logits, where the paper has products of vectors of any length.

    Attributes:
        temperature: above 0.
    """

    temperature: float = TEMPERATURE
    weight = 1.0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def targets(self, asked: AskedRows) -> dict[str, int]:
        """Every negative of every row."""
        return {"margins": int((asked.documents[:, 1:] >= 0).sum())}

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> dict[str, Term]:
        """The sum over margins, and of how many the sign is the teacher's.

        Args:
            cosines: `(Q, M)`.
            asked: the rows with what a teacher gives each document.
        """
        scores = _of_lists(cosines, asked) / self.temperature
        own, wanted = (one[:, :1] - one[:, 1:] for one in (scores, asked.teacher))
        there = asked.documents[:, 1:] >= 0
        total = (own - wanted).square().masked_fill(~there, 0.0).sum()
        return {"margins": (total, ((own.sign() == wanted.sign()) & there).sum())}


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far the student's shares of a row's documents are from the teacher's: KL(teacher, own).

    Shares are the softmax of scores over the document and its negatives. The student's scores are
    cosines divided by the temperature, the teacher's are as they stand (Hinton et al. 2015).

    Attributes:
        temperature: above 0.
    """

    temperature: float = TEMPERATURE
    weight = 1.0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def targets(self, asked: AskedRows) -> dict[str, int]:
        """Every row."""
        return {"lists": len(asked.queries)}

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> dict[str, Term]:
        """The sum over rows in nats, and in how many the first is the teacher's.

        Args:
            cosines: `(Q, M)`.
            asked: the rows with what a teacher gives each document.
        """
        gap = asked.documents < 0
        scores = (_of_lists(cosines, asked) / self.temperature).masked_fill(gap, -math.inf)
        wanted = asked.teacher.masked_fill(gap, -math.inf)
        own, other = F.log_softmax(scores, 1), F.log_softmax(wanted, 1)
        # Where nothing stands both are minus infinity, whose difference is none.
        total = (other.exp() * (other - own).masked_fill(gap, 0.0)).sum()
        return {"lists": (total, (scores.argmax(1) == wanted.argmax(1)).sum())}
