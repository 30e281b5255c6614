"""Encoder and head as one module."""

from __future__ import annotations

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.lm import LMHead
from unmask.heads.sequence import SequenceHead
from unmask.heads.token import TokenHead
from unmask.nn.config import EncoderConfig, LMHeadConfig, SequenceHeadConfig, TokenHeadConfig
from unmask.nn.encoder import Encoder


class LanguageModel(nn.Module):
    """An encoder that predicts tokens."""

    def __init__(self, encoder: EncoderConfig, head: LMHeadConfig) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.head = LMHead(encoder, head)
        self.head_config = head

    def forward(self, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        """Logits `(M, V)` at the rows `(M,)` of the batch; nothing is projected elsewhere.

        `LMHeadConfig.predicts` says which tokens they are for: a masked model's are for the row's
        own, a causal model's for the next. A recurrent one gives `(M, 2, V)`.
        """
        hidden = self.encoder(batch).index_select(0, rows)
        logits: torch.Tensor = self.head(hidden, self.encoder.embedding.tokens.weight)
        return logits


class SequenceClassifier(nn.Module):
    """An encoder that scores labels for whole sequences."""

    def __init__(self, encoder: EncoderConfig, head: SequenceHeadConfig) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.head = SequenceHead(encoder.width, head)
        self.head_config = head

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits `(B, labels)`."""
        logits: torch.Tensor = self.head(self.encoder(batch), batch)
        return logits


class TokenClassifier(nn.Module):
    """An encoder that scores every token: for labels, for the ends of an answer, or as replaced."""

    def __init__(self, encoder: EncoderConfig, head: TokenHeadConfig) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.head = TokenHead(encoder.width, head)
        self.head_config = head

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits `(T, outputs)`."""
        logits: torch.Tensor = self.head(self.encoder(batch))
        return logits
