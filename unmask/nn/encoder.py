"""The encoder: embedding, a stack of layers, a final norm."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.errors import ConfigError
from unmask.nn.config import (
    Bucketed,
    Disentangled,
    EncoderConfig,
    LayerConfig,
    Position,
    RecurrentConfig,
    Rope,
)
from unmask.nn.embedding import Embedding
from unmask.nn.int8 import Calibration
from unmask.nn.layer import build_layer
from unmask.nn.layout import AttentionKernel, Layout
from unmask.nn.norm import build_norm
from unmask.nn.position import rotation
from unmask.nn.relative import Place, build_relative

# Rows are rounded up to a multiple of this on a CPU, those of a small batch to an eighth of the
# power of two above them. oneDNN compiles and keeps a kernel for each number of rows it meets;
# without rounding, memory grows by gigabytes over thousands of batches.
# The rows added belong to no sequence and are cut off again at the end: under 64 of each batch.
ROWS = 64

Shared = Bucketed | Disentangled
"""Positions whose table all layers share."""
Kernels = Mapping[int, AttentionKernel]
"""For some layers, by number, what attends there instead of the kernel that would be chosen."""


class Encoder(nn.Module):
    """Token ids in, one hidden state per token out, each sequence seen only by itself."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.width, config.embedding)
        first_use = [config.weights_of.index(s) for s in range(1 + max(config.weights_of))]
        self.layers = nn.ModuleList(build_layer(config.width, config.layers[i]) for i in first_use)
        self.final_norm = build_norm(config.width, config.final_norm)
        shared = {
            (c.position, c.heads) for c in config.attentions if isinstance(c.position, Shared)
        }
        if len(shared) > 1:
            raise ConfigError(
                "all layers must share one table of distances, but the config has several: "
                f"{', '.join(str(position) for position, _ in shared)}"
            )
        position, heads = next(iter(shared), (None, 1))
        self.relative = build_relative(config.width, heads, position)
        self.compute: torch.dtype | None = None  # of what lies between layers; see `prepared`
        self.calibration: Calibration | None = None  # of products of bytes, where it has them

    def forward(self, batch: Batch, kernels: Kernels | None = None) -> torch.Tensor:
        """Hidden states `(T, D)` of the batch's tokens, after the last layer.

        Raises:
            ConfigError: the batch is causal, and a layer cannot be; see `check_causal`.
        """
        # One at a time: a list of all would keep every layer's output in memory until the end.
        last = deque(self._states(batch, kernels), maxlen=1).pop()
        return last if self.compute is None else last.to(self.embedding.tokens.weight.dtype)

    def states(self, batch: Batch, kernels: Kernels | None = None) -> Iterator[torch.Tensor]:
        """Hidden states `(T, D)` after the embedding and after each layer, one after the other.

        The last is after the final norm, as in `transformers`.
        """
        for x in self._states(batch, kernels):
            yield x if self.compute is None else x.to(self.embedding.tokens.weight.dtype)

    def _states(self, batch: Batch, kernels: Kernels | None) -> Iterator[torch.Tensor]:
        """The same in the type that is computed in."""
        if batch.causal:
            check_causal(self.config)
        x = self.embedding(batch)
        x = x if self.compute is None else x.to(self.compute)
        yield x
        extra = added_rows(batch.tokens) if x.device.type == "cpu" else 0
        x = F.pad(x, (0, 0, 0, extra))
        layout = Layout(batch.lengths, batch.boundaries, x.shape[0], causal=batch.causal)
        places = self.places(F.pad(batch.positions, (0, extra)), max(batch.lengths))
        last = len(self.config.layers) - 1
        for number, config in enumerate(self.config.layers):
            here = layout if not kernels else replace(layout, kernel=kernels.get(number))
            place = places[_position(config)]
            x = self.layers[self.config.weights_of[number]](x, here, place)
            yield (x if number < last else self.final_norm(x))[: batch.tokens]

    def places(self, positions: torch.Tensor, longest: int) -> dict[Position | None, Place]:
        """What layers are told of positions `(T,)`, by the kind that they ask for."""
        places: dict[Position | None, Place] = {None: None}
        for attention in self.config.attentions:
            kind = attention.position
            if isinstance(kind, Rope) and kind not in places:
                width = attention.width_of_head(self.config.width)
                places[kind] = rotation(positions, width, kind.base)
            elif kind not in places and self.relative is not None:
                places[kind] = self.relative(longest)
        return places


def check_causal(config: EncoderConfig) -> None:
    """Check that a token of this encoder can be kept from seeing what follows it.

    Raises:
        ConfigError: a layer is recurrent, and one half of it reads from the end.
    """
    if any(isinstance(layer, RecurrentConfig) for layer in config.layers):
        raise ConfigError(
            "a causal batch needs attention in every layer, but this encoder has recurrent ones, "
            "which read each text from its end too; use an encoder of attention, such as modernbert"
        )


def added_rows(tokens: int) -> int:
    """How many rows a batch of so many tokens is given on a CPU beyond its own; under `ROWS`."""
    step = max(8, min(ROWS, 1 << max(0, (tokens - 1).bit_length() - 3)))
    return -tokens % step


def _position(config: LayerConfig | RecurrentConfig) -> Position | None:
    return None if isinstance(config, RecurrentConfig) else config.attention.position
