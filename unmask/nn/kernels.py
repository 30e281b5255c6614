"""`attend`: attention within each sequence of a flat row. The one place that knows kernels.

| kernel    | runs on            | window | causal | bias | dropout |
|-----------|--------------------|--------|--------|------|---------|
| reference | anything           | yes    | yes    | yes  | yes     |
| grouped   | anything, CPU's    | yes    | yes    | yes  | yes     |
| blocked   | bf16 training, CPU | yes    | yes    | no   | no      |
| varlen    | CUDA, fp16 or bf16 | yes    | yes    | no   | no      |

`reference` takes one sequence at a time, with all its scores; `grouped` takes sequences of equal
length together, and reads a window in blocks; `blocked` lays short sequences side by side in blocks
of one size; `varlen` is PyTorch's variable-length flash kernel.

A kernel that cannot do what is asked raises; none quietly does something else.

Shape suffixes: T tokens of the whole row, H heads, K width of a head, N sequences of equal
length, S that length; N blocks, B blocks of all heads, C slots or queries in a block, W keys that
a block can see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from unmask.errors import ConfigError
from unmask.nn.layout import Layout, visible

Kernel = Literal["reference", "grouped", "blocked", "varlen"]

# Longest sequence that the blocked kernel is chosen for; its cost grows with the square.
BLOCKS_UP_TO = 256


class _BlockedAttention(torch.autograd.Function):
    """Attention in blocks, with a backward that reads the probabilities again.

    Left to autograd, the same products come with twice as many copies of what they read.
    An empty slot holds the values of row 0. No other slot sees it, and what is computed for it is
    not picked, so neither it nor its gradient reaches a result.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        layout: Layout,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        q_BCK, k_BCK, v_BCK = (_into_blocks(x, layout) for x in (q, k, v))
        scale = q.shape[-1] ** -0.5
        scores_NHCC = (q_BCK @ k_BCK.mT).view(-1, q.shape[1], *mask.shape[2:])
        torch.add(mask, scores_NHCC, alpha=scale, out=scores_NHCC)
        weights_BCC = scores_NHCC.softmax(-1).flatten(0, 1)
        ctx.save_for_backward(q_BCK, k_BCK, v_BCK, weights_BCC)
        ctx.layout, ctx.heads, ctx.scale = layout, q.shape[1], scale
        return _out_of_blocks(weights_BCC @ v_BCK, layout, q.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q_BCK, k_BCK, v_BCK, weights_BCC = ctx.saved_tensors
        mixed_BCK = _into_blocks(grads[0], ctx.layout)
        d_weights = mixed_BCK @ v_BCK.mT
        d_scores = torch._softmax_backward_data(d_weights, weights_BCC, -1, d_weights.dtype)
        d_q = (d_scores @ k_BCK).mul_(ctx.scale)
        d_k = (d_scores.mT @ q_BCK).mul_(ctx.scale)
        d_v = weights_BCC.mT @ mixed_BCK
        return *(_out_of_blocks(x, ctx.layout, ctx.heads) for x in (d_q, d_k, d_v)), None, None


def _into_blocks(x: torch.Tensor, layout: Layout) -> torch.Tensor:
    """`(T, H, K)` to `(N * H, C, K)`."""
    index = layout.blocks.head_rows(x.shape[1])
    picked = x.reshape(-1, x.shape[-1]).index_select(0, index)
    return picked.view(-1, layout.blocks.size, x.shape[-1])


def _out_of_blocks(x_BCK: torch.Tensor, layout: Layout, heads: int) -> torch.Tensor:
    """`(N * H, C, K)` to `(T, H, K)`, zero in rows of no sequence."""
    index = layout.blocks.head_slots(heads)
    x = x_BCK.flatten(0, 1).index_select(0, index).view(-1, heads, x_BCK.shape[-1])
    x[layout.used :] = 0
    return x


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
    # Without autocast, which would turn what a kernel does in float32 into bf16.
    with torch.autocast(q.device.type, enabled=False):
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
        *(torch.split(x, [*layout.lengths, layout.sizes[-1]]) for x in (q, k, v)), strict=True
    ):
        scores_HSS = (
            torch.einsum("shk,thk->hst", q_SHK.float(), k_SHK.float()) * q.shape[-1] ** -0.5
        )
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
    runs = [torch.split(x, [*layout.sizes]) for x in (q, k, v)]
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
    mask = layout.blocks.mask(window, causal, q.dtype)
    out: torch.Tensor = _BlockedAttention.apply(q, k, v, layout, mask)  # type: ignore[no-untyped-call]
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

    used = layout.used
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
