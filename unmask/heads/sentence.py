"""An encoder with a pooling, as it is trained to give texts their vectors."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.heads.embedding import (
    Dense,
    DenseConfig,
    EmbeddingHead,
    EmbeddingHeadConfig,
    PoolConfig,
)
from unmask.nn.dropout import set_dropout
from unmask.nn.encoder import Encoder

TrainedPooling = Literal["mean", "cls"]
TRAINED_POOLINGS: tuple[TrainedPooling, ...] = get_args(TrainedPooling)


class EmbeddingModel(nn.Module):
    """An encoder with all that follows it, as it is taught which texts belong together."""

    def __init__(self, encoder: Encoder, head: EmbeddingHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, batch: Batch, skip: int = 0) -> torch.Tensor:
        """`(B, E)` vectors.

        Args:
            batch: the texts.
            skip: how many tokens at the beginning of each do not count in the pooling.
        """
        vectors: torch.Tensor = self.head.finish(self.head.pool(self.encoder(batch), batch, skip))
        return vectors


class SentenceEncoder(nn.Module):
    """One vector for each text; in training by "cls" a dense layer and tanh behind it.

    That layer is left out of the finished model. With "cls" it is what Gao et al. 2021, section
    6.3, found best: 82.5 on the development rows of STS-B, beside 80.9 without it and 81.7 where it
    was kept. The mean has none.
    """

    def __init__(self, encoder: Encoder, pooling: TrainedPooling) -> None:
        super().__init__()
        width = encoder.config.width
        self.encoder = encoder
        self.head = EmbeddingHead(
            EmbeddingHeadConfig(width=width, pool=PoolConfig(modes=(pooling,)))
        )
        projects = pooling == "cls"
        self.projector = Dense(DenseConfig(inputs=width, outputs=width)) if projects else None
        self.dropout = 0.0
        self.drop(0.0)

    def forward(self, batch: Batch) -> torch.Tensor:
        """`(B, D)`: what is compared in training, and in evaluation mode the texts' vectors."""
        vectors: torch.Tensor = self.head(self.encoder(batch), batch)
        if self.projector is None or not self.training:
            return vectors
        projected: torch.Tensor = self.projector(vectors)
        return projected

    def drop(self, share: float) -> None:
        """Drop this share of the encoder's hidden units in training; see `set_dropout`."""
        self.dropout = share
        set_dropout(self.encoder, share)
