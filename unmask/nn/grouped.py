"""The grouped kernel: sequences of equal length attend together, a window is read in blocks.

Shape suffixes: T tokens of the whole row, H heads, K width of a head, N sequences of equal
length, S that length; B blocks of a sequence, C queries in a block, W keys that a block can see.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from unmask.nn.chunked import attend_chunked, can_chunk
from unmask.nn.layout import Layout, Scoring, visible
from unmask.nn.relative import DistanceScores

# Scores of distances that are held at a time: a text of 8,192 tokens would have 64 million a head.
MOST_SCORES = 1 << 24
# The same for long sequences on a CPU where no gradient is wanted, so that they stay in its cache.
CACHED_SCORES = 1 << 21
# From this length on, distances so far that they share a row are worth setting apart.
FAR_FROM = 1024


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
    if can_chunk(q_NHSK, k_NHSK, v_NHSK, asked):
        return attend_chunked(q_NHSK, k_NHSK, v_NHSK, asked)
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
    """Some sequences and queries at a time against all keys, with the scores of distances."""
    bias = asked.bias
    assert isinstance(bias, DistanceScores)
    _, H, S, _ = q_NHSK.shape
    far, cached = S >= FAR_FROM, q_NHSK.is_cpu and not q_NHSK.requires_grad
    most = CACHED_SCORES if far and cached else MOST_SCORES
    # Not by N: the order in which a kernel adds up may depend on the number of queries, and a
    # sequence's last bits must not depend on how many others are as long.
    size = max(1, min(S, most // (H * S)))
    reach = bias.reach() if far else (S, -S)
    some = max(1, most // (H * S * size))
    parts = zip(*(torch.split(x, some) for x in (q_NHSK, k_NHSK, v_NHSK)), strict=True)
    return torch.cat([_some_by_distance(q, k, v, asked, size, reach) for q, k, v in parts])


def _some_by_distance(
    q_NHSK: torch.Tensor,
    k_NHSK: torch.Tensor,
    v_NHSK: torch.Tensor,
    asked: Scoring,
    size: int,
    reach: tuple[int, int],
) -> torch.Tensor:
    """`_by_distance` of as many sequences as are held at a time, `size` queries at a time.

    Args:
        reach: as `DistanceScores.reach` gives it.
    """
    bias, S = asked.bias, q_NHSK.shape[2]
    assert isinstance(bias, DistanceScores)
    last, first = reach
    p2c_NHRS = bias.of_keys(k_NHSK)
    place = torch.arange(S, device=q_NHSK.device)
    mixed = []
    for start, q_NHCK in zip(range(0, S, size), torch.split(q_NHSK, size, dim=2), strict=True):
        queries = start + q_NHCK.shape[2]
        # A key is told apart if any query of these is nearer to it than those distances.
        band = slice(min(max(start - last + 1, 0), S), min(queries - first - 1, S))
        added = bias.chunk(q_NHCK, p2c_NHRS, start, band) * asked.scale
        if asked.window is not None or asked.causal:
            hidden = ~visible(place[start:queries, None], place, asked.window, asked.causal)
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
