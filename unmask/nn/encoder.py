"""The encoder: embedding, a stack of layers, a final norm."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.nn.config import EncoderConfig
from unmask.nn.embedding import Embedding
from unmask.nn.layer import Layer
from unmask.nn.layout import Layout
from unmask.nn.norm import build_norm
from unmask.nn.position import Rotation, rotation

# Rows are rounded up to a multiple of this on a CPU. oneDNN compiles and keeps a kernel for each
# number of rows it meets; without rounding, memory grows by gigabytes over thousands of batches.
# The rows added belong to no sequence and are cut off again at the end: under 64 of each batch.
ROWS = 64


class Encoder(nn.Module):
    """Token ids in, one hidden state per token out, each sequence seen only by itself."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.width, config.embedding)
        first_use = [config.weights_of.index(s) for s in range(1 + max(config.weights_of))]
        self.layers = nn.ModuleList(Layer(config.width, config.layers[i]) for i in first_use)
        self.final_norm = build_norm(config.width, config.final_norm)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Hidden states `(T, D)` of the batch's tokens."""
        x = self.embedding(batch)
        extra = -batch.tokens % ROWS if x.device.type == "cpu" else 0
        x = F.pad(x, (0, 0, 0, extra))
        layout = Layout(batch.lengths, batch.boundaries, x.shape[0])
        tables = self.rotations(F.pad(batch.positions, (0, extra)))
        for config, owner in zip(self.config.layers, self.config.weights_of, strict=True):
            table = None if config.attention.rope is None else tables[config.attention.rope.base]
            x = self.layers[owner](x, layout, table)
        out: torch.Tensor = self.final_norm(x)[: batch.tokens]
        return out

    def rotations(self, positions: torch.Tensor) -> dict[float, Rotation]:
        """One table for each rotary base among the layers."""
        ropes = {c.attention.rope: c.attention.heads for c in self.config.layers}
        return {
            rope.base: rotation(positions, self.config.width // heads, rope.base)
            for rope, heads in ropes.items()
            if rope is not None
        }
