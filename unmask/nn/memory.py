"""The keys and values of what a causal encoder has read, so that the next token reads no more.

Shape suffixes: T tokens of a flat row, B sequences, H heads of queries, G heads of keys and values,
S tokens of the longest sequence, K width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from unmask.nn.grouped import attend_grouped
from unmask.nn.layout import AttentionKernel, Layout, Scoring, for_all_heads


@dataclass
class LayerMemory:
    """One layer's keys and values; an attention kernel that adds to them what it is given.

    The first call reads whole prompts. Each later one reads a single token of every sequence.

    Attributes:
        room: tokens that a sequence may come to.
        keys, values: `(B, G, room, K)`, filled up to each sequence's length.
        lengths: `(B,)` tokens read so far.
    """

    room: int
    keys: torch.Tensor | None = None
    values: torch.Tensor | None = None
    lengths: torch.Tensor | None = None

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring, /
    ) -> torch.Tensor:
        """`(T, H, K)` queries and `(T, G, K)` keys and values of the new tokens to `(T, H, K)`."""
        if self.keys is None or self.values is None or self.lengths is None:
            self._read_prompts(k, v, layout)
            k, v = (for_all_heads(x, q.shape[1]) for x in (k, v))
            return attend_grouped(q, k, v, layout, asked)
        rows = torch.arange(len(layout.lengths), device=q.device)
        self.keys[rows, :, self.lengths] = k[: layout.used]
        self.values[rows, :, self.lengths] = v[: layout.used]
        self.lengths = self.lengths + 1
        longest = int(self.lengths.max())
        away_BS = self.lengths[:, None] - 1 - torch.arange(longest, device=q.device)
        seen_BS = away_BS >= 0
        if asked.window is not None:
            seen_BS &= away_BS <= asked.window
        out_BH1K = F.scaled_dot_product_attention(
            q[: layout.used, :, None],
            self.keys[:, :, :longest],
            self.values[:, :, :longest],
            attn_mask=seen_BS[:, None, None],
            scale=asked.scale,
            enable_gqa=True,
        )
        return F.pad(out_BH1K.squeeze(2), (0, 0, 0, 0, 0, layout.rows - layout.used))

    def _read_prompts(self, k: torch.Tensor, v: torch.Tensor, layout: Layout) -> None:
        shape = (len(layout.lengths), k.shape[1], self.room, k.shape[2])
        self.keys, self.values = k.new_zeros(shape), v.new_zeros(shape)
        for kept, given in ((self.keys, k), (self.values, v)):
            prompts = torch.split(given[: layout.used], [*layout.lengths])
            for number, prompt_SGK in enumerate(prompts):
                kept[number, :, : len(prompt_SGK)] = prompt_SGK.transpose(0, 1)
        self.lengths = torch.tensor(layout.lengths, device=k.device)

    def keep(self, sequences: torch.Tensor) -> None:
        """Forget all sequences but these `(B,)`."""
        assert self.keys is not None
        assert self.values is not None
        assert self.lengths is not None
        self.keys, self.values = self.keys[sequences], self.values[sequences]
        self.lengths = self.lengths[sequences]


@dataclass(frozen=True)
class Memory:
    """The memory of every layer.

    Attributes:
        layers: one for each layer, in order.
    """

    layers: tuple[LayerMemory, ...] = field(default=())

    @classmethod
    def of(cls, depth: int, room: int) -> Memory:
        """An empty memory for sequences of up to `room` tokens."""
        return cls(tuple(LayerMemory(room) for _ in range(depth)))

    @property
    def kernels(self) -> dict[int, AttentionKernel]:
        """What attends in each layer."""
        return dict(enumerate(self.layers))

    def keep(self, sequences: Sequence[int], device: torch.device) -> None:
        """Forget all sequences but these, by their present numbers."""
        index = torch.tensor(sequences, device=device)
        for layer in self.layers:
            layer.keep(index)
