"""`attend`: attention within each sequence of a flat row. The one place that knows kernels.

| kernel    | runs on            | window | causal | bias | dropout |
|-----------|--------------------|--------|--------|------|---------|
| reference | anything           | yes    | yes    | yes  | yes     |
| grouped   | anything, CPU's    | yes    | yes    | yes  | yes     |
| blocked   | bf16 training, CPU | yes    | yes    | no   | no      |
| varlen    | CUDA, fp16 or bf16 | yes    | yes    | no   | no      |

A bias is scores of their own for every pair, or disentangled attention's distances.

`reference` takes one sequence at a time, with all its scores; `grouped` takes sequences of equal
length together, and reads a window in blocks; `blocked` lays short sequences side by side in blocks
of one size; `varlen` is PyTorch's variable-length flash kernel.

A kernel that cannot do what is asked raises; none quietly does something else. A layout may bring a
kernel of its own, as the cache of a decoder and the recorder of probabilities do.

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
from unmask.nn.grouped import attend_grouped
from unmask.nn.layout import Layout, Scoring, for_all_heads
from unmask.nn.reference import attend_reference
from unmask.nn.relative import DistanceScores

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
        scale: float,
    ) -> torch.Tensor:
        q_BCK, k_BCK, v_BCK = (_into_blocks(x, layout) for x in (q, k, v))
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
        grads = tuple(_out_of_blocks(x, ctx.layout, ctx.heads) for x in (d_q, d_k, d_v))
        return *grads, None, None, None


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
    bias: torch.Tensor | DistanceScores | None = None,
    dropout: float = 0.0,
    scale: float | None = None,
    kernel: Kernel | None = None,
) -> torch.Tensor:
    """Scaled dot-product attention of each token to the tokens of its own sequence.

    Args:
        q: `(T, H, K)` queries.
        k, v: `(T, G, K)` keys and values; each head serves H / G heads of queries.
        layout: where the sequences lie.
        window: how many tokens are seen on each side; None for all.
        causal: whether a token sees only itself and what is before it.
        bias: `(H, S, S)` added to the scaled scores, S at least the longest sequence; or distances,
            whose products with queries and keys are added before scaling.
        dropout: share of the probabilities dropped.
        scale: what the scores are multiplied by; None for 1 / sqrt(K).
        kernel: one of the table above; None chooses.

    Returns:
        `(T, H, K)` in the dtype of `v`.

    Raises:
        ConfigError: the kernel cannot do what is asked.

    Source: Vaswani et al. 2017; the window as in Longformer (Beltagy et al. 2020).
    """
    asked = Scoring(window, causal, bias, dropout, q.shape[-1] ** -0.5 if scale is None else scale)
    # Without autocast, which would turn what a kernel does in float32 into bf16.
    with torch.autocast(q.device.type, enabled=False):
        if layout.kernel is not None:
            return layout.kernel(q, k, v, layout, asked)
        name = kernel or choose_kernel(
            q.device,
            q.dtype,
            training=q.requires_grad,
            longest=max(layout.lengths),
            plain=bias is None and dropout == 0.0,
        )
        wide = (for_all_heads(x, q.shape[1]) for x in (k, v))
        return KERNELS[name](q, *wide, layout, asked)


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


def attend_blocked(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> torch.Tensor:
    """Short sequences side by side in blocks of one size, each hidden from the others by a mask.

    More products than sequences of equal length would need, but three calls whatever the
    lengths, and of few shapes: in bf16 training on a CPU that is worth more.
    """
    _refuse("blocked", asked)
    mask = layout.blocks.mask(asked.window, asked.causal, q.dtype)
    out: torch.Tensor = _BlockedAttention.apply(q, k, v, layout, mask, asked.scale)  # type: ignore[no-untyped-call]
    return out


def _refuse(kernel: Kernel, asked: Scoring) -> None:
    """Raise where a kernel is asked for more than plain scores."""
    if asked.bias is not None or asked.dropout > 0.0:
        what = "a bias" if asked.bias is not None else f"dropout {asked.dropout}"
        raise ConfigError(
            f"the {kernel} kernel adds nothing to the scores and drops none, but {what} was "
            "asked for; use kernel='grouped', or leave the kernel to be chosen"
        )


def attend_varlen(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> torch.Tensor:
    """PyTorch's flash attention over offsets: one launch for the whole row."""
    _refuse("varlen", asked)
    from torch.nn.attention.varlen import varlen_attn

    used = layout.used
    offsets = layout.boundaries.to(torch.int32)
    longest = max(layout.lengths)
    side = -1 if asked.window is None else asked.window
    sides = (side, 0 if asked.causal else side)
    out = varlen_attn(
        q[:used],
        k[:used],
        v[:used],
        offsets,
        offsets,
        longest,
        longest,
        scale=asked.scale,
        window_size=sides,
    )
    assert isinstance(out, torch.Tensor)
    return F.pad(out, (0, 0, 0, 0, 0, layout.rows - used))


KERNELS: dict[Kernel, Callable[..., torch.Tensor]] = {
    "reference": attend_reference,
    "grouped": attend_grouped,
    "blocked": attend_blocked,
    "varlen": attend_varlen,
}
