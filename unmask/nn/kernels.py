"""`attend`: attention within each sequence of a flat row. The one place that knows kernels.

| kernel    | runs on            | window | causal | bias | dropout | how                              |
|-----------|--------------------|--------|--------|------|---------|----------------------------------|
| reference | anything           | yes    | yes    | yes  | yes     | one sequence at a time, all scores |
| grouped   | anything, CPU's    | yes    | yes    | yes  | yes     | sequences of equal length together; a window is read in blocks |
| blocked   | bf16 training, CPU | yes    | yes    | no   | no      | short sequences side by side in blocks of one size |
| varlen    | CUDA, fp16 or bf16 | yes    | yes    | no   | no      | PyTorch's variable-length flash kernel |

A kernel that cannot do what is asked raises; none quietly does something else.

Shape suffixes: T tokens of the whole row, H heads, K width of a head, N sequences of equal
length, S that length, B blocks, C queries in a block, W keys that a block can see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import torch
from torch.nn import functional as F

from unmask.errors import ConfigError

Kernel = Literal["reference", "grouped", "blocked", "varlen"]

# Longest sequence that the blocked kernel is chosen for; its cost grows with the square.
BLOCKS_UP_TO = 256


@dataclass(frozen=True)
class Blocks:
    """Sequences laid side by side in blocks of equal size, none across two blocks.

    Attributes:
        size: C, slots of a block.
        rows: `(B * C,)` which row of the flat row each slot holds; a slot that holds none
            points at row T, one past the end.
        slots: `(T,)` the inverse; a row of no sequence points at slot B * C.
        sequence: `(B, C)` number of the sequence in each slot, -1 for none.
        place: `(B, C)` position within it.
    """

    size: int
    rows: torch.Tensor
    slots: torch.Tensor
    sequence: torch.Tensor
    place: torch.Tensor
    masks: dict[tuple[int | None, bool], torch.Tensor]

    @classmethod
    def of(cls, lengths: tuple[int, ...], rows: int, device: torch.device) -> Blocks:
        """Fill each block with as many of the sequences, in order, as fit.

        Sizes and numbers of blocks are rounded up to few values, since oneDNN compiles and keeps
        a kernel for each shape that it meets.
        """
        size = -(-max(max(lengths), 128) // 64) * 64
        starts, used = [], 0
        for length in lengths:
            if used % size + length > size:
                used = -(-used // size) * size
            starts.append(used)
            used += length
        count = -(-used // (4 * size)) * 4
        sizes = torch.tensor(lengths)
        number = torch.repeat_interleave(torch.arange(len(lengths)), sizes)
        offsets = torch.cumsum(sizes, 0) - sizes
        place = torch.arange(len(number)) - offsets[number]
        slots = torch.full((rows,), count * size)
        slots[: len(number)] = torch.tensor(starts)[number] + place
        held = slots[: len(number)]
        back = torch.full((count * size,), rows)
        back[held] = torch.arange(len(number))
        sequence, within = torch.full((2, count * size), -1)
        sequence[held], within[held] = number, place
        shape = (count, size)
        return cls(
            size,
            back.to(device),
            slots.to(device),
            sequence.view(shape).to(device),
            within.view(shape).to(device),
            {},
        )

    def mask(self, window: int | None, causal: bool) -> torch.Tensor:
        """`(B, 1, C, C)` added to scores: 0 where a slot may be seen, minus infinity elsewhere.

        Kept, since all layers of a kind share it. Empty slots see one another.
        """
        if (window, causal) not in self.masks:
            same = self.sequence[:, :, None] == self.sequence[:, None]
            seen = same & visible(self.place[:, :, None], self.place[:, None], window, causal)
            hidden = torch.zeros(seen.shape, dtype=torch.bfloat16, device=seen.device)
            self.masks[window, causal] = hidden.masked_fill_(~seen, float("-inf"))[:, None]
        return self.masks[window, causal]


class _Gather(torch.autograd.Function):
    """Rows picked by an index that hits each row once: backwards, picked by the inverse index,
    where autograd would add rows up one by one."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, index: torch.Tensor, inverse: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(index, inverse)
        return _picked(x, index)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        return _picked(grads[0], inverse), None, None


def _picked(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of `x`; the index one past the end gives zeros."""
    return torch.cat((x.flatten(1), x.new_zeros(1, x[0].numel()))).index_select(0, index).view(
        -1, *x.shape[1:]
    )


@dataclass(frozen=True)
class Layout:
    """Where the sequences of a flat row lie.

    Attributes:
        lengths: length of each sequence in tokens, in order.
        boundaries: `(B + 1,)` the same as offsets, on the tokens' device.
        rows: rows of the hidden states; those past the last sequence belong to none, and
            attention returns zeros there.
    """

    lengths: tuple[int, ...]
    boundaries: torch.Tensor
    rows: int

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """Neighbours of equal length as (how many, length)."""
        return tuple((len(list(same)), length) for length, same in groupby(self.lengths))

    @cached_property
    def blocks(self) -> Blocks:
        """The sequences laid side by side in blocks; see `attend_blocked`."""
        return Blocks.of(self.lengths, self.rows, self.boundaries.device)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each run, and last the rows that belong to no sequence."""
        used = [count * length for count, length in self.runs]
        return (*used, self.rows - sum(used))


def attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    *,
    window: int | None = None,
    causal: bool = False,
    bias: torch.Tensor | None = None,
    dropout: float = 0.0,
    kernel: Kernel | None = None,
) -> torch.Tensor:
    """Scaled dot-product attention of each token to the tokens of its own sequence.

    Args:
        q, k, v: `(T, H, K)` queries, keys and values.
        layout: where the sequences lie.
        window: how many tokens are seen on each side; None for all.
        causal: whether a token sees only itself and what is before it.
        bias: `(H, S, S)` added to the scores, S at least the longest sequence.
        dropout: share of the probabilities dropped.
        kernel: one of the table above; None chooses.

    Returns:
        `(T, H, K)` in the dtype of `v`.

    Raises:
        ConfigError: the kernel cannot do what is asked.

    Source: Vaswani et al. 2017; the window as in Longformer (Beltagy et al. 2020).
    """
    name = kernel or choose_kernel(
        q.device,
        q.dtype,
        training=q.requires_grad,
        longest=max(layout.lengths),
        plain=bias is None and dropout == 0.0,
    )
    return KERNELS[name](q, k, v, layout, window, causal, bias, dropout)


def choose_kernel(
    device: torch.device, dtype: torch.dtype, *, training: bool, longest: int, plain: bool
) -> Kernel:
    """The fastest kernel that can do what is asked there.

    Args:
        training: whether gradients are wanted.
        longest: tokens of the longest sequence.
        plain: neither a bias nor dropout is asked for.
    """
    if not plain:
        return "grouped"
    if device.type == "cuda" and dtype in (torch.float16, torch.bfloat16):
        return "varlen"
    if device.type == "cpu" and dtype == torch.bfloat16 and training and longest <= BLOCKS_UP_TO:
        return "blocked"
    return "grouped"


def visible(
    queries: torch.Tensor, keys: torch.Tensor, window: int | None, causal: bool
) -> torch.Tensor:
    """Which key positions each query position may see; True means attend. Shapes broadcast."""
    distance = queries - keys
    seen = distance >= 0 if causal else torch.ones_like(distance, dtype=torch.bool)
    return seen if window is None else seen & (distance.abs() <= window)


def attend_reference(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """One sequence after the other, every score in float32: the oracle of the other kernels."""
    mixed = []
    for q_SHK, k_SHK, v_SHK in zip(
        *(x.split((*layout.lengths, layout.sizes[-1])) for x in (q, k, v)), strict=True
    ):
        scores_HSS = torch.einsum("shk,thk->hst", q_SHK.float(), k_SHK.float()) * q.shape[-1] ** -0.5
        if bias is not None:
            scores_HSS = scores_HSS + bias[:, : len(q_SHK), : len(q_SHK)]
        place = torch.arange(len(q_SHK), device=q.device)
        hidden = ~visible(place[:, None], place, window, causal)
        weights = F.dropout(scores_HSS.masked_fill(hidden, float("-inf")).softmax(-1), dropout)
        mixed.append(torch.einsum("hst,thk->shk", weights, v_SHK.float()).to(v.dtype))
    mixed[-1] = torch.zeros_like(mixed[-1])
    return torch.cat(mixed)


def attend_grouped(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """Neighbours of equal length attend together: no padding, and mostly no mask.

    `split` rather than slices: the backward of a slice allocates the whole row each time.
    """
    out_dtype = v.dtype
    if q.dtype == torch.bfloat16 and q.requires_grad and q.device.type == "cpu":
        # PyTorch's CPU kernel takes 2.5 times as long backwards in bf16 as in float32.
        q, k, v = q.float(), k.float(), v.float()
    runs = [x.split(layout.sizes) for x in (q, k, v)]
    mixed = []
    for (count, length), q_run, k_run, v_run in zip(layout.runs, *runs, strict=False):
        shape = (count, length)
        q_NHSK, k_NHSK, v_NHSK = (
            x.unflatten(0, shape).transpose(1, 2) for x in (q_run, k_run, v_run)
        )
        in_blocks = window is not None and bias is None and length > 2 * (window + 1)
        run = _windowed if in_blocks else _whole
        out_NHSK = run(q_NHSK, k_NHSK, v_NHSK, window, causal, bias, dropout)
        mixed.append(out_NHSK.transpose(1, 2).flatten(0, 1))
    if layout.sizes[-1]:
        mixed.append(v.new_zeros(layout.sizes[-1], *v.shape[1:]))
    return torch.cat(mixed).to(out_dtype)


def _whole(
    q_NHSK: torch.Tensor,
    k_NHSK: torch.Tensor,
    v_NHSK: torch.Tensor,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """Every query against every key of its sequence."""
    length = q_NHSK.shape[2]
    if window is not None and length - 1 <= window:
        window = None
    mask = None
    if window is not None or (causal and bias is not None):
        place = torch.arange(length, device=q_NHSK.device)
        mask, causal = visible(place[:, None], place, window, causal), False
    if bias is not None:
        added = bias[:, :length, :length].to(q_NHSK.dtype)
        mask = added if mask is None else added.masked_fill(~mask, float("-inf"))
    return F.scaled_dot_product_attention(
        q_NHSK, k_NHSK, v_NHSK, attn_mask=mask, dropout_p=dropout, is_causal=causal
    )


def _windowed(
    q_NHSK: torch.Tensor,
    k_NHSK: torch.Tensor,
    v_NHSK: torch.Tensor,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """Blocks of queries against the keys within reach, so that cost grows with S times window."""
    assert window is not None
    assert bias is None
    N, H, S, K = q_NHSK.shape
    size = max(window, 16)  # below 16 queries a block is all overhead
    blocks = -(-S // size)
    tail = blocks * size - S
    reach = size + 2 * window

    def into_blocks(x_NHSK: torch.Tensor, step_before: int, width: int) -> torch.Tensor:
        padded = F.pad(x_NHSK, (0, 0, step_before, step_before + tail))
        x_NHBKW = padded.unfold(2, width, size)
        return x_NHBKW.permute(0, 2, 1, 4, 3).reshape(N * blocks, H, width, K)

    q_blocks = into_blocks(q_NHSK, 0, size)
    k_blocks, v_blocks = (into_blocks(x, window, reach) for x in (k_NHSK, v_NHSK))
    starts = torch.arange(blocks, device=q_NHSK.device)[:, None, None] * size
    queries_BC1 = starts + torch.arange(size, device=q_NHSK.device)[:, None]
    keys_B1W = starts + torch.arange(reach, device=q_NHSK.device) - window
    inside = (keys_B1W >= 0) & (keys_B1W < S)
    # A query past the end of the sequence sees itself, or its softmax would be of nothing.
    seen_BCW = (visible(queries_BC1, keys_B1W, window, causal) & inside) | (queries_BC1 == keys_B1W)
    mask = seen_BCW[:, None].repeat(N, 1, 1, 1)
    out = F.scaled_dot_product_attention(
        q_blocks, k_blocks, v_blocks, attn_mask=mask, dropout_p=dropout
    )
    return out.view(N, blocks, H, size, K).transpose(1, 2).reshape(N, H, -1, K)[:, :, :S]


def attend_blocked(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """Short sequences side by side in blocks of one size, each hidden from the others by a mask.

    More products than sequences of equal length would need, but three calls whatever the
    lengths, and of few shapes: in bf16 training on a CPU that is worth more.
    """
    _refuse("blocked", bias, dropout)
    blocks = layout.blocks
    qkv = _Gather.apply(torch.stack((q, k, v), 1), blocks.rows, blocks.slots)  # type: ignore[no-untyped-call]
    q_NHCK, k_NHCK, v_NHCK = qkv.unflatten(0, (-1, blocks.size)).permute(2, 0, 3, 1, 4)
    scores = (q_NHCK * q.shape[-1] ** -0.5) @ k_NHCK.transpose(-1, -2)
    weights = (scores + blocks.mask(window, causal)).softmax(-1)
    mixed = (weights @ v_NHCK).transpose(1, 2).flatten(0, 1)
    out: torch.Tensor = _Gather.apply(mixed, blocks.slots, blocks.rows)  # type: ignore[no-untyped-call]
    return out


def _refuse(kernel: Kernel, bias: torch.Tensor | None, dropout: float) -> None:
    """Raise where a kernel is asked for more than plain scores."""
    if bias is not None or dropout > 0.0:
        asked = "a bias" if bias is not None else f"dropout {dropout}"
        raise ConfigError(
            f"the {kernel} kernel adds nothing to the scores and drops none, but {asked} was "
            "asked for; use kernel='grouped', or leave the kernel to be chosen"
        )


def attend_varlen(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    window: int | None,
    causal: bool,
    bias: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """PyTorch's flash attention over offsets: one launch for the whole row."""
    _refuse("varlen", bias, dropout)
    from torch.nn.attention.varlen import varlen_attn

    used = sum(layout.lengths)
    offsets = layout.boundaries.to(torch.int32)
    longest = max(layout.lengths)
    sides = (-1 if window is None else window, 0 if causal else -1 if window is None else window)
    out = varlen_attn(
        q[:used], k[:used], v[:used], offsets, offsets, longest, longest, window_size=sides
    )
    assert isinstance(out, torch.Tensor)
    return F.pad(out, (0, 0, 0, 0, 0, layout.rows - used))


KERNELS: dict[Kernel, Callable[..., torch.Tensor]] = {
    "reference": attend_reference,
    "grouped": attend_grouped,
    "blocked": attend_blocked,
    "varlen": attend_varlen,
}
