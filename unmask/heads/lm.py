"""The language-model head, run at the rows that are asked for and no others.

Shape suffixes: M rows, P predicted tokens of each, E width of the token table, V its rows.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unmask.errors import ModelError
from unmask.heads.transform import build_transform
from unmask.nn.config import EncoderConfig, LMHeadConfig


def check_masked(config: LMHeadConfig) -> None:
    """Check that a head predicts the token at its own row, as a masked model's does.

    Raises:
        ModelError: it predicts the next token, or both neighbours.
    """
    if config.predicts != (0,):
        raise ModelError(
            "blanks are filled by a masked language model, which predicts a token where it stands, "
            "but this one predicts its neighbours. Open an encoder that was trained with masks"
        )


class LMHead(nn.Module):
    """Scores over the vocabulary, read off the token table (Press and Wolf 2017).

    The table is an argument rather than an attribute: it belongs to the embedding, and a second
    owner would make saving, casting and counting see it twice. An untied head has its own.
    """

    def __init__(self, encoder: EncoderConfig, config: LMHeadConfig) -> None:
        super().__init__()
        vocab = encoder.embedding.vocab
        self.transform = build_transform(encoder.width, config.transform)
        self.bias = nn.Parameter(torch.zeros(vocab)) if config.bias else None
        self.table = None if config.tied else nn.Embedding(vocab, encoder.token_width)
        self.predicts = config.predicts

    def forward(self, hidden: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """`(M, D)` hidden states and the `(V, E)` token table to `(M, V)` logits.

        Where several tokens are predicted at a row, `(M, P, V)`.
        """
        x = self.transform(hidden)
        if len(self.predicts) > 1:
            x = x.unflatten(-1, (len(self.predicts), -1))
        return F.linear(x, table if self.table is None else self.table.weight, self.bias)
