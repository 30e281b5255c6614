"""The language-model head, run at the rows that are asked for and no others."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unmask.heads.transform import Transform
from unmask.nn.config import LMHeadConfig


class LMHead(nn.Module):
    """Scores over the vocabulary, read off the token table (Press and Wolf 2017).

    The table is an argument rather than an attribute: it belongs to the embedding, and a second
    owner would make saving, casting and counting see it twice.
    """

    def __init__(self, width: int, vocab: int, config: LMHeadConfig) -> None:
        super().__init__()
        self.transform = Transform(width, config.transform)
        self.bias = nn.Parameter(torch.zeros(vocab)) if config.bias else None

    def forward(self, hidden: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """`(M, D)` hidden states and the `(V, D)` token table to `(M, V)` logits."""
        return F.linear(self.transform(hidden), table, self.bias)
