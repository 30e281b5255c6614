"""A tagger's head trained by itself, on what its encoder gives for every token, computed once."""

from __future__ import annotations

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.model import TokenClassifier
from unmask.heads.token import TokenHead
from unmask.train.loop import Evaluate
from unmask.verbs.tasks.frozen import DevRows
from unmask.verbs.tasks.rows import Rows


class TokenHeadOnly(nn.Module):
    """A head over hidden states instead of an encoder; its parameters are the model's own.

    The hidden states are no part of the model's state: a resumed run computes them again.
    """

    def __init__(self, head: TokenHead, hidden: torch.Tensor, starts: torch.Tensor) -> None:
        """Use `over` for a model's rows.

        Args:
            head: the head; shared, not copied.
            hidden: `(S, D)` of the tokens of all rows, one row after the other.
            starts: `(N + 1,)` where each row begins among them.
        """
        super().__init__()
        self.head = head
        self.hidden = hidden
        self.starts = starts

    @classmethod
    def over(cls, model: TokenClassifier, rows: Rows) -> TokenHeadOnly:
        """The head of a model over the hidden states of rows of token ids."""
        device = model.encoder.embedding.tokens.weight.device

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(model.encoder(batch).split(list(batch.lengths)))

        training = model.encoder.training
        model.encoder.eval()
        hidden = rows.read(read, device)
        model.encoder.train(training)
        sizes = torch.tensor([0, *map(len, rows.rows)], device=device)
        # Copied outside of inference mode, so that autograd may use it.
        return cls(model.head, torch.cat(hidden).clone(), sizes.cumsum(0))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits `(T, C)` of the batch's samples, each of which is a whole row."""
        assert batch.samples is not None
        shift = self.starts[batch.samples] - batch.boundaries[:-1]
        lengths = torch.tensor(batch.lengths, device=shift.device)
        every = torch.arange(batch.tokens, device=shift.device)
        places = every + torch.repeat_interleave(shift, lengths)
        logits: torch.Tensor = self.head(self.hidden[places])
        return logits


def frozen_token_head(
    model: TokenClassifier, rows: Rows, dev: DevRows
) -> tuple[TokenHeadOnly, Evaluate]:
    """A model's head over what its frozen encoder gives, and what measures it.

    Args:
        model: encoder and head.
        rows: to learn from.
        dev: to measure with; its figures are those of the hidden states' head.
    """
    trained, kept = TokenHeadOnly.over(model, rows), TokenHeadOnly.over(model, dev.rows)
    return trained, lambda _: dev(kept)  # its head is the one being trained
