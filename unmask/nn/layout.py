"""Where the sequences of a flat row lie, as runs of equal length and as blocks of one size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from unmask.nn.relative import DistanceScores

# Sizes of blocks are multiples of this many slots, and a batch has a multiple of ROUND slots:
# oneDNN compiles and keeps a kernel for each shape that it meets.
STEP, ROUND = 32, 256
# What a slot costs besides its scores, in scores: gathering it, and its share of small products.
SLOT_COST = 96


@dataclass(frozen=True)
class Blocks:
    """Sequences side by side in blocks of equal size, none across two blocks.

    Attributes:
        size: C, slots of a block.
        rows: `(N, C)` which row of the flat row each slot holds; 0 in an empty slot.
        slots: `(T,)` the inverse: the slot of each row; 0 for a row of no sequence.
        sequence: `(N, C)` number of the sequence in each slot, -1 in an empty one.
        place: `(N, C)` position within it, -1 in an empty one.
    """

    size: int
    rows: torch.Tensor
    slots: torch.Tensor
    sequence: torch.Tensor
    place: torch.Tensor
    _kept: dict[tuple[str, object], torch.Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, lengths: tuple[int, ...], rows: int, device: torch.device) -> Blocks:
        """Fill each block with as many of the sequences, in order, as fit.

        The size is the cheapest for these lengths: small blocks have fewer scores, large ones
        fewer empty slots.
        """
        size, starts, count = min(
            (_filled(lengths, size) for size in _sizes(max(lengths))),
            key=lambda option: option[2] * option[0] * (option[0] + SLOT_COST),
        )
        sizes = torch.tensor(lengths)
        number = torch.repeat_interleave(torch.arange(len(lengths)), sizes)
        row = torch.arange(len(number))
        place = row - (torch.cumsum(sizes, 0) - sizes)[number]
        held = torch.tensor(starts)[number] + place
        slots = torch.zeros(rows, dtype=torch.int64)
        slots[: len(number)] = held
        back = torch.zeros(count * size, dtype=torch.int64)
        sequence, within = torch.full((2, count * size), -1, dtype=torch.int32)
        back[held], sequence[held], within[held] = row, number.int(), place.int()
        shaped = (x.view(count, size).to(device) for x in (back, sequence, within))
        rows_NC, sequence_NC, place_NC = shaped
        return cls(size, rows_NC, slots.to(device), sequence_NC, place_NC)

    def mask(self, window: int | None, causal: bool, dtype: torch.dtype) -> torch.Tensor:
        """`(N, 1, C, C)` added to scores: 0 where a slot may be seen, minus infinity elsewhere.

        Empty slots see one another. Kept, since all layers of a kind share it.
        """
        if window is not None and window >= self.size - 1:
            window = None
        key = ("mask", (window, causal, dtype))
        if key not in self._kept:
            seen = self.sequence[:, :, None] == self.sequence[:, None]
            if window is not None or causal:
                seen &= visible(self.place[:, :, None], self.place[:, None], window, causal)
            added = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
            self._kept[key] = added.masked_fill_(seen.logical_not_(), float("-inf"))[:, None]
        return self._kept[key]

    def head_rows(self, heads: int) -> torch.Tensor:
        """`(N * H * C,)` which of the T * H head vectors each slot of each head holds."""
        key = ("rows", heads)
        if key not in self._kept:
            head = torch.arange(heads, device=self.rows.device)[:, None]
            self._kept[key] = (self.rows[:, None] * heads + head).flatten()
        return self._kept[key]

    def head_slots(self, heads: int) -> torch.Tensor:
        """`(T * H,)` which of the N * H * C vectors each head vector of each row is."""
        key = ("slots", heads)
        if key not in self._kept:
            head = torch.arange(heads, device=self.slots.device)
            block, slot = self.slots // self.size, self.slots % self.size
            index = (block[:, None] * heads + head) * self.size + slot[:, None]
            self._kept[key] = index.flatten()
        return self._kept[key]


def _sizes(longest: int) -> range:
    """Block sizes worth trying: from the first that holds the longest sequence on."""
    first = -(-longest // STEP) * STEP
    return range(first, max(first, 4 * STEP) + 1, STEP)


def _filled(lengths: tuple[int, ...], size: int) -> tuple[int, list[int], int]:
    """Blocks of a size filled in order: the size, where each sequence starts, how many blocks."""
    starts, used = [], 0
    for length in lengths:
        if used % size + length > size:
            used += size - used % size
        starts.append(used)
        used += length
    step = max(1, ROUND // size)
    return size, starts, -(-used // (step * size)) * step


@dataclass(frozen=True, slots=True)
class ByTime:
    """The rows of a flat row by time, as recurrent layers read them.

    Attributes:
        onward: `(T,)` rows of first tokens, longest sequence first, then of second tokens, ...
        back: `(T,)` the same from the ends of the sequences.
        at_once: how many sequences have a first token, a second, ...; on the CPU, as PyTorch wants.
    """

    onward: torch.Tensor
    back: torch.Tensor
    at_once: torch.Tensor

    @classmethod
    def of(cls, lengths: tuple[int, ...], device: torch.device) -> ByTime:
        """The order for sequences of these lengths."""
        sizes = torch.tensor(lengths)
        starts = torch.cumsum(sizes, 0) - sizes
        longest_first = torch.argsort(sizes, descending=True, stable=True)
        sizes, starts = sizes[longest_first], starts[longest_first]
        time = torch.arange(int(sizes[0]))[:, None]
        there = time < sizes
        onward, back = (starts + time)[there], (starts + sizes - 1 - time)[there]
        return cls(onward.to(device), back.to(device), there.sum(1))


@dataclass(frozen=True, slots=True)
class Scoring:
    """How the scores of attention are made; each as in `kernels.attend`."""

    window: int | None
    causal: bool
    bias: torch.Tensor | DistanceScores | None
    dropout: float
    scale: float


class AttentionKernel(Protocol):
    """What computes attention over a row."""

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring, /
    ) -> torch.Tensor:
        """`(T, H, K)` queries and `(T, G, K)` keys and values to `(T, H, K)`."""


@dataclass(frozen=True)
class Layout:
    """Where the sequences of a flat row lie.

    Attributes:
        lengths: length of each sequence in tokens, in order.
        boundaries: `(B + 1,)` the same as offsets, on the tokens' device.
        rows: rows of the hidden states; those past the last sequence belong to none, and
            attention returns zeros there.
        kernel: what attends, or None for the choice of `attend`.
        causal: whether the tokens see only what stands before them, also in layers that would let
            them see both sides.
    """

    lengths: tuple[int, ...]
    boundaries: torch.Tensor
    rows: int
    kernel: AttentionKernel | None = None
    causal: bool = False

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """Neighbours of equal length as (how many, length)."""
        return runs_of(self.lengths)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each run, and last the rows that belong to no sequence."""
        used = [count * length for count, length in self.runs]
        return (*used, self.rows - sum(used))

    @cached_property
    def used(self) -> int:
        """Rows that belong to a sequence."""
        return sum(self.lengths)

    @cached_property
    def by_time(self) -> ByTime:
        """The tokens by their place in their sequence."""
        return ByTime.of(self.lengths, self.boundaries.device)

    @cached_property
    def blocks(self) -> Blocks:
        """The sequences side by side in blocks."""
        return Blocks.of(self.lengths, self.rows, self.boundaries.device)


def runs_of(lengths: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Neighbours of equal length as (how many, length)."""
    return tuple((len(list(same)), length) for length, same in groupby(lengths))


def visible(
    queries: torch.Tensor, keys: torch.Tensor, window: int | None, causal: bool
) -> torch.Tensor:
    """Which key positions each query position may see; True means attend. Shapes broadcast."""
    distance = queries - keys
    seen = distance >= 0 if causal else torch.ones_like(distance, dtype=torch.bool)
    return seen if window is None else seen & (distance.abs() <= window)


def for_all_heads(x_TGK: torch.Tensor, heads: int) -> torch.Tensor:
    """`(T, H, K)`: each head of keys or values once for every head of queries that shares it."""
    groups = x_TGK.shape[1]
    return x_TGK if groups == heads else x_TGK.repeat_interleave(heads // groups, dim=1)
