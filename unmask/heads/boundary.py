"""Tokens of a span from the two tokens outside it, beside a language model (Joshi et al. 2020).

For training alone: the finished model is the language model.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.heads.model import LanguageModel
from unmask.heads.transform import Transform
from unmask.nn.config import EncoderConfig, NormConfig, TransformConfig


class BoundaryHead(nn.Module):
    """Two dense layers, each with GELU and a layer norm, then the language model's token table.

    Source: section 3.2. The table of places is as wide as the encoder, which the paper leaves open.
    """

    def __init__(self, encoder: EncoderConfig, places: int) -> None:
        """Build it.

        Args:
            encoder: whose hidden states it reads.
            places: rows of the table of places within a span; tokens further behind share the last.
        """
        super().__init__()
        self.places = nn.Embedding(places, encoder.width)
        self.first = Transform(3 * encoder.width, _layer(encoder.width))
        self.second = Transform(encoder.width, _layer(encoder.token_width))
        self.bias = nn.Parameter(torch.zeros(encoder.embedding.vocab))

    def forward(
        self, left: torch.Tensor, right: torch.Tensor, places: torch.Tensor, table: torch.Tensor
    ) -> torch.Tensor:
        """Logits `(N, V)` of the tokens at those places between pairs of hidden states.

        Args:
            left, right: `(N, D)` of the tokens before and after each one's span.
            places: `(N,)` its place within the span, counted from 0.
            table: `(V, E)` of tokens, by which the language model scores them.
        """
        place = self.places(places.clamp(max=self.places.num_embeddings - 1))
        x = self.second(self.first(torch.cat((left, right, place), dim=1)))
        return F.linear(x, table, self.bias)


def _layer(width: int) -> TransformConfig:
    return TransformConfig(activation="gelu", norm=NormConfig(), width=width)


class BoundaryModel(nn.Module):
    """A language model, and a head that predicts the tokens of a span from its boundary.

    Attributes:
        language_model: what is kept in the end.
        boundary: the head.
    """

    def __init__(self, language_model: LanguageModel, places: int) -> None:
        """Put a new head beside a model; see `BoundaryHead`."""
        super().__init__()
        self.language_model = language_model
        self.boundary = BoundaryHead(language_model.encoder.config, places)

    def forward(
        self, batch: Batch, rows: torch.Tensor, outside: torch.Tensor, places: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `(M, V)` at the rows `(M,)`, the language model's, and `(N, V)` from boundaries.

        Args:
            outside: `(2, N)` the rows before and after the span of each token.
            places: `(N,)` its place within the span.
        """
        model = self.language_model
        hidden, table = model.encoder(batch), model.encoder.embedding.tokens.weight
        tokens = model.head(hidden.index_select(0, rows), table)
        left, right = (hidden.index_select(0, side) for side in outside)
        return tokens, self.boundary(left, right, places, table)
