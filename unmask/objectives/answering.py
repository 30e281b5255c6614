"""Learning where an answer begins and ends: nothing is hidden, and each row has two targets.

The scores of a row's own tokens go through one softmax for the first token of the answer and one
for the last (Devlin et al. 2018, section 4.2). A row without the answer points at its first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.objectives.targets import Loss, Losses, Task


@dataclass(frozen=True)
class Answering:
    """Cross-entropy of the first and the last token of an answer, over the tokens of its row.

    Attributes:
        places: `(N, 2)` int64, where both stand within the row, by the number of the sample; both
            0 where the row has no answer.
    """

    places: torch.Tensor

    @classmethod
    def of(cls, places: Sequence[tuple[int, int]]) -> Answering:
        """The objective for the N rows' first and last tokens."""
        return cls(torch.from_numpy(np.array(places, dtype=np.int64).reshape(-1, 2)))

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """The batch as it is; its labels are B first tokens, then B last ones, as places among
        all T tokens."""
        assert batch.samples is not None
        labels = self.places[batch.samples] + batch.boundaries[:-1, None]
        return Task(batch, torch.arange(len(batch)), labels.T.flatten(), {})

    def loss(self, model: nn.Module, task: Task) -> Losses:
        """Summed cross-entropy, and how many of both ends were scored highest.

        Args:
            model: a batch to `(T, 2)` logits, of the first and of the last token.
        """
        logits = model(task.batch).float()
        lengths = torch.tensor(task.batch.lengths, device=logits.device)
        best, total = segment_log_sums(logits, lengths)
        right = logits.gather(0, task.labels.view(2, -1).T)
        hits = (right >= best).sum()
        return Losses({task.term: Loss((total - right).sum(), len(task.labels), hits)})


def segment_log_sums(
    logits: torch.Tensor, lengths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a softmax over the rows of each segment is divided by, without padding.

    Args:
        logits: `(T, C)` float32, segments one after the other.
        lengths: `(B,)` int64, their rows, at least one each.

    Returns:
        `(B, C)` the largest of each segment, without a gradient, and the logarithm of the sum of
        the exponentials, with one.
    """
    best = torch.segment_reduce(logits.detach(), "max", lengths=lengths)
    spread = best.repeat_interleave(lengths, 0)
    sums = torch.segment_reduce((logits - spread).exp(), "sum", lengths=lengths)
    return best, sums.log() + best
