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

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from unmask.errors import ConfigError
from unmask.nn.layout import Layout, Scoring, visible
from unmask.nn.relative import DistanceScores

Kernel = Literal["reference", "grouped", "blocked", "varlen"]

# Longest sequence that the blocked kernel is chosen for; its cost grows with the square.
BLOCKS_UP_TO = 256
# Scores of distances that are held at a time: a text of 8,192 tokens would have 64 million a head.
MOST_SCORES = 1 << 24


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


def for_all_heads(x_TGK: torch.Tensor, heads: int) -> torch.Tensor:
    """`(T, H, K)`: each head of keys or values once for every head of queries that shares it."""
    groups = x_TGK.shape[1]
    return x_TGK if groups == heads else x_TGK.repeat_interleave(heads // groups, dim=1)


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
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> torch.Tensor:
    """One sequence after the other, every score in float32: the oracle of the other kernels."""
    return _mixed(probabilities(q, k, v, layout, asked), v, layout, asked)


class Recorder:
    """The reference kernel, which keeps the probabilities that it computes.

    Attributes:
        seen: for each sequence `(H, S, S)` in float32; S queries, then S keys.
    """

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring, /
    ) -> torch.Tensor:
        """As `attend_reference`."""
        k, v = (for_all_heads(x, q.shape[1]) for x in (k, v))
        found = list(probabilities(q, k, v, layout, asked))
        self.seen += [weights_HSS for weights_HSS, _ in found]
        return _mixed(found, v, layout, asked)


def _mixed(
    found: Iterable[tuple[torch.Tensor, torch.Tensor]],
    v: torch.Tensor,
    layout: Layout,
    asked: Scoring,
) -> torch.Tensor:
    """Each sequence's values weighed by its probabilities, as one row `(T, H, K)`."""
    mixed = [
        torch.einsum("hst,thk->shk", F.dropout(weights_HSS, asked.dropout), v_SHK.float())
        for weights_HSS, v_SHK in found
    ]
    mixed.append(v.new_zeros(layout.sizes[-1], *v.shape[1:]))
    return torch.cat([part.to(v.dtype) for part in mixed])


def probabilities(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each sequence its attention probabilities `(H, S, S)` in float32, and its values."""
    rows = [*layout.lengths, layout.sizes[-1]]
    sequences = zip(*(torch.split(x, rows)[: len(layout.lengths)] for x in (q, k, v)), strict=True)
    for q_SHK, k_SHK, v_SHK in sequences:
        q_HSK, k_HSK = (x.float().transpose(0, 1) for x in (q_SHK, k_SHK))
        scores_HSS = q_HSK @ k_HSK.mT
        if isinstance(asked.bias, DistanceScores):
            scores_HSS = scores_HSS + asked.bias.scores(q_HSK[None], k_HSK[None])[0]
        scores_HSS = scores_HSS * asked.scale
        if isinstance(asked.bias, torch.Tensor):
            scores_HSS = scores_HSS + asked.bias[:, : len(q_SHK), : len(q_SHK)]
        place = torch.arange(len(q_SHK), device=q.device)
        hidden = ~visible(place[:, None], place, asked.window, asked.causal)
        yield scores_HSS.masked_fill(hidden, float("-inf")).softmax(-1), v_SHK


def attend_grouped(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, asked: Scoring
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
        out_NHSK = _way(asked, length)(q_NHSK, k_NHSK, v_NHSK, asked)
        mixed.append(out_NHSK.transpose(1, 2).flatten(0, 1))
    if layout.sizes[-1]:
        mixed.append(v.new_zeros(layout.sizes[-1], *v.shape[1:]))
    return torch.cat(mixed).to(out_dtype)


def _way(asked: Scoring, length: int) -> Callable[..., torch.Tensor]:
    """How sequences of one length attend."""
    if isinstance(asked.bias, DistanceScores):
        return _by_distance
    if asked.window is not None and asked.bias is None and length > 2 * (asked.window + 1):
        return _windowed
    return _whole


def _whole(
    q_NHSK: torch.Tensor, k_NHSK: torch.Tensor, v_NHSK: torch.Tensor, asked: Scoring
) -> torch.Tensor:
    """Every query against every key of its sequence."""
    length = q_NHSK.shape[2]
    window, causal, bias = asked.window, asked.causal, asked.bias
    assert not isinstance(bias, DistanceScores)
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
        q_NHSK,
        k_NHSK,
        v_NHSK,
        attn_mask=mask,
        dropout_p=asked.dropout,
        is_causal=causal,
        scale=asked.scale,
    )


def _by_distance(
    q_NHSK: torch.Tensor, k_NHSK: torch.Tensor, v_NHSK: torch.Tensor, asked: Scoring
) -> torch.Tensor:
    """Some queries at a time against all keys, with the scores of their distances."""
    assert isinstance(asked.bias, DistanceScores)
    N, H, S, _ = q_NHSK.shape
    size = max(1, min(S, MOST_SCORES // (N * H * S)))
    place = torch.arange(S, device=q_NHSK.device)
    mixed = []
    for start, q_NHCK in zip(range(0, S, size), torch.split(q_NHSK, size, dim=2), strict=True):
        added = asked.bias.scores(q_NHCK, k_NHSK, start) * asked.scale
        if asked.window is not None or asked.causal:
            queries = place[start : start + size, None]
            hidden = ~visible(queries, place, asked.window, asked.causal)
            added = added.masked_fill(hidden, float("-inf"))
        mixed.append(
            F.scaled_dot_product_attention(
                q_NHCK, k_NHSK, v_NHSK, added, dropout_p=asked.dropout, scale=asked.scale
            )
        )
    return torch.cat(mixed, dim=2)


def _windowed(
    q_NHSK: torch.Tensor, k_NHSK: torch.Tensor, v_NHSK: torch.Tensor, asked: Scoring
) -> torch.Tensor:
    """Blocks of queries against the keys within reach, so that cost grows with S times window."""
    window = asked.window
    assert window is not None
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
    seen_BCW = visible(queries_BC1, keys_B1W, window, asked.causal) & inside
    mask = (seen_BCW | (queries_BC1 == keys_B1W))[:, None].repeat(N, 1, 1, 1)
    out = F.scaled_dot_product_attention(
        q_blocks,
        k_blocks,
        v_blocks,
        attn_mask=mask,
        dropout_p=asked.dropout,
        scale=asked.scale,
    )
    return out.view(N, blocks, H, size, K).transpose(1, 2).reshape(N, H, -1, K)[:, :, :S]


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
