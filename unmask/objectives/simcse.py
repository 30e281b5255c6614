"""Unsupervised SimCSE (Gao et al. 2021): two readings of a text under dropout belong together.

Each text of a batch is read twice in one pass, with other hidden units dropped in each reading, and
nothing else is changed. A text's first reading has to be told which of the batch's second readings
is its own.

A batch is a budget of tokens, so how many texts a text is told from depends on how long they are.
Where an update is split into several batches (`budget.accumulate`), the others are those of the
same batch: the gradients are added, and no text is compared across batches.

Shape suffixes: B texts, V two readings of each, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import unpack
from unmask.errors import ConfigError
from unmask.heads.sentence import SentenceEncoder
from unmask.objectives.contrastive import told_apart
from unmask.objectives.masking import copied
from unmask.objectives.targets import Loss, Losses

TERM = "views"
PAIRS, NEAR = "pairs", "near_pairs"
"""Counts of the model: pairs of different texts, and those of them that it cannot keep apart."""
SAME = 0.99  # cosine above which two vectors are as good as one

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ViewTask:
    """Texts that are read twice.

    Attributes:
        batch: 2B sequences, the two readings of a text one behind the other.
        texts: `(B,)` int64, a number for each text; equal texts have the same.
        different: how many different ones there are.
    """

    batch: Batch
    texts: torch.Tensor
    different: int

    @property
    def counts(self) -> Mapping[str, int]:
        """The texts, and how many of them repeat another of the batch."""
        return {"texts": len(self.texts), "repeated": len(self.texts) - self.different}

    @property
    def targets(self) -> Mapping[str, int]:
        """Every text; none where there is no other to tell it from."""
        return {TERM: len(self.texts) if self.different > 1 else 0}

    def to(self, device: torch.device) -> ViewTask:
        """The same task on another device."""
        return replace(self, batch=self.batch.to(device), texts=self.texts.to(device))


@dataclass(frozen=True, slots=True)
class SimCSE:
    """Cross-entropy of each text's second reading among those of all texts of its batch.

    Scores are cosines divided by the temperature, and it is the first readings that look for the
    second ones, not the other way about: equation 4 of the paper. Equal texts, told by their
    token ids, are not held against each other, which the paper leaves open.

    Attributes:
        temperature: above 0; the paper's is 0.05.

    Raises:
        ConfigError: it is not above 0.
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < math.inf:
            raise ConfigError(
                "the temperature by which cosines are divided must be above 0, not "
                f"{self.temperature}; give simcse.temperature=0.05, as in the paper"
            )

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> ViewTask:
        """Each text twice. What is dropped of them is drawn in the model.

        Args:
            draws, progress: not used, since nothing is drawn.
        """
        numbers = numbered(unpack(batch))
        twice, _, _ = copied(batch, 2)
        return ViewTask(twice, torch.from_numpy(numbers), int(numbers.max()) + 1)

    def loss(self, model: SentenceEncoder, task: ViewTask) -> Losses:
        """The summed cross-entropy over texts, and counts of pairs with nearly the same vector."""
        vectors = model(task.batch)
        # A cosine in bfloat16 divided by 0.05 is wrong by up to 0.08.
        with torch.autocast(vectors.device.type, enabled=False):
            views_BVD = F.normalize(vectors.float().unflatten(0, (-1, 2)), dim=-1)
            first, second = views_BVD.unbind(1)
            cosines = first @ second.T
            total, hits = contrast(cosines, task.texts, self.temperature)
        others = task.texts[:, None] != task.texts
        near = others & (cosines.detach() > SAME)
        return Losses(
            {TERM: Loss(total, task.targets[TERM], hits)},
            {PAIRS: others.sum(), NEAR: near.sum()},
        )


def contrast(
    cosines: torch.Tensor, texts: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """InfoNCE, one way: how well each row's own column is told from those of other texts.

    Args:
        cosines: `(B, B)` float32, of the first readings with the second ones.
        texts: `(B,)` int64, equal where texts are; see `ViewTask`.
        temperature: that cosines are divided by.

    Returns:
        The sum over rows in nats, 0-d; and for how many of them their own column was the nearest.
        A row without another text adds to neither.
    """
    own = torch.arange(len(texts), device=texts.device)
    return told_apart(cosines, own, texts[:, None] == texts, temperature)


def numbered(rows: list[list[int]]) -> I64:
    """`(B,)` a number for each row, counted from 0, the same for equal rows."""
    numbers: dict[tuple[int, ...], int] = {}
    return np.array([numbers.setdefault(tuple(row), len(numbers)) for row in rows], dtype=np.int64)
