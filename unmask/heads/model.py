"""Encoder and head as one module."""

from __future__ import annotations

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.lm import LMHead
from unmask.heads.sequence import SequenceHead
from unmask.heads.token import TokenHead
from unmask.nn.config import (
    EncoderConfig,
    LMHeadConfig,
    PretrainingHeadConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
)
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


class PretrainingModel(nn.Module):
    """An encoder that predicts tokens and says what a pair of texts is (Devlin et al. 2018).

    Its parts are called as in a `LanguageModel`, with `pairs` beside them.
    """

    def __init__(self, encoder: EncoderConfig, head: PretrainingHeadConfig) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.head = LMHead(encoder, head.tokens)
        self.pairs = SequenceHead(encoder.width, head.pairs)
        self.head_config = head

    def forward(self, batch: Batch, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `(M, V)` of tokens at the rows `(M,)`, and `(B, 2)` of each sequence as a pair."""
        hidden = self.encoder(batch)
        table = self.encoder.embedding.tokens.weight
        return self.head(hidden.index_select(0, rows), table), self.pairs(hidden, batch)


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

    def vectors(self, batch: Batch) -> torch.Tensor:
        """`(B, D)`: what the last layer tells the labels by."""
        return self.head.vectors(self.encoder(batch), batch)


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
