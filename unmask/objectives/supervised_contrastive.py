"""Texts of one label belong together: supervised contrastive learning (Khosla et al. 2020).

Every text of a batch looks for the others of its label among all texts of the batch. A text that
has none there, and one that has nothing else, has nothing to look for; it still is among what the
others look through.

Shapes: B texts, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.model import SequenceClassifier
from unmask.objectives.targets import Loss, Losses

TERM = "texts"


@dataclass(frozen=True, slots=True)
class TogetherTask:
    """Texts with their labels.

    Attributes:
        batch: B texts.
        labels: `(B,)` int64.
        looking: how many of them have others of their label in the batch, and of another.
    """

    batch: Batch
    labels: torch.Tensor
    looking: int

    @property
    def counts(self) -> Mapping[str, int]:
        """How many texts have nothing to look for."""
        return {"alone": len(self.labels) - self.looking}

    @property
    def targets(self) -> Mapping[str, int]:
        """The texts that look for others."""
        return {TERM: self.looking}

    def to(self, device: torch.device) -> TogetherTask:
        """The same task on another device."""
        return replace(self, batch=self.batch.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class Together:
    """Cross-entropy of the texts of a label among all others of the batch, for each text.

    Scores are cosines of what stands before the classifier's last layer, divided by the
    temperature. The logarithm is taken of each pair and then averaged: equation 2 of the paper,
    which found it better than equation 3.

    Attributes:
        labels: `(N,)` int64, the label's number by the number of the sample.
        temperature: above 0.

    Raises:
        ConfigError: it is not above 0.
    """

    labels: torch.Tensor
    temperature: float

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < math.inf:
            raise ConfigError(
                "the temperature by which cosines are divided must be above 0, not "
                f"{self.temperature}; leave few_shot.temperature at its default"
            )

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> TogetherTask:
        """The batch as it is; nothing is drawn."""
        assert batch.samples is not None
        labels = self.labels[batch.samples]
        return TogetherTask(batch, labels, int(_looking(_same(labels)).sum()))

    def loss(self, model: SequenceClassifier, task: TogetherTask) -> Losses:
        """Summed over the texts that look, in nats, and whose nearest text is of their label."""
        vectors = model.vectors(task.batch)
        # A cosine in bfloat16 divided by a small temperature is wrong by much.
        with torch.autocast(vectors.device.type, enabled=False):
            unit = F.normalize(vectors.float(), dim=1)
            total, hits = drawn_together(unit @ unit.T, task.labels, self.temperature)
        return Losses({TERM: Loss(total, task.looking, hits)})


def drawn_together(
    cosines: torch.Tensor, labels: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """How well the texts of each label find each other.

    Args:
        cosines: `(B, B)` float32.
        labels: `(B,)` int64.
        temperature: that cosines are divided by.

    Returns:
        The sum over texts in nats, 0-d; and how many texts have one of their label as the nearest.
        A text that has nothing to look for adds to neither.
    """
    same = _same(labels)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    scores = (cosines / temperature).masked_fill(itself, -math.inf)
    shares = scores.log_softmax(1).masked_fill(~same, 0.0)
    looking = _looking(same)
    each = -shares.sum(1) / same.sum(1).clamp(min=1)
    nearest = same.gather(1, scores.argmax(1, keepdim=True)).squeeze(1)
    return each[looking].sum(), (nearest & looking).sum()


def _same(labels: torch.Tensor) -> torch.Tensor:
    """`(B, B)` whether two different texts have one label."""
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return (labels[:, None] == labels) & ~itself


def _looking(same: torch.Tensor) -> torch.Tensor:
    """`(B,)` whether a text has others of its label, and of another, beside it."""
    others = same.sum(1)
    return (others > 0) & (others < len(same) - 1)
