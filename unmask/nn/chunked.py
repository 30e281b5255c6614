"""Attention over a long sequence as plain bf16 products, some queries at a time.

Shape suffixes: N sequences of equal length, H heads, S that length, K width of a head, C queries
taken at a time.
"""

from __future__ import annotations

import torch

from unmask.nn.layout import Scoring

# Measured at 4,096 and 8,192 tokens, where it takes 0.6 to 0.7 times as long as PyTorch's kernel.
CHUNKED_FROM = 1024
# Queries at a time: the scores of one head with 8,192 keys are then 4 MB, which a cache holds.
QUERIES = 256


def can_chunk(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, asked: Scoring) -> bool:
    """Whether these `(N, H, S, K)` are bf16 on a CPU, without gradient, mask or dropout."""
    plain = asked.window is None and asked.bias is None and not asked.causal and not asked.dropout
    gradient = any(x.requires_grad for x in (q, k, v))
    narrow = q.dtype == torch.bfloat16 and q.device.type == "cpu"
    return plain and narrow and not gradient and q.shape[2] >= CHUNKED_FROM


def attend_chunked(
    q_NHSK: torch.Tensor, k_NHSK: torch.Tensor, v_NHSK: torch.Tensor, asked: Scoring
) -> torch.Tensor:
    """Every query against every key, as `can_chunk` allows; `(N, H, S, K)`.

    Scores and probabilities are rounded to bf16, where PyTorch's kernel keeps them in float32.
    """
    mixed_NHSK = torch.empty_like(q_NHSK, memory_format=torch.contiguous_format)
    q_NHSK = q_NHSK * asked.scale
    for one in range(q_NHSK.shape[0]):
        for head in range(q_NHSK.shape[1]):
            k_SK, v_SK = k_NHSK[one, head].contiguous(), v_NHSK[one, head].contiguous()
            chunks = (torch.split(x[one, head], QUERIES) for x in (q_NHSK, mixed_NHSK))
            for q_CK, mixed_CK in zip(*chunks, strict=True):
                torch.mm((q_CK.contiguous() @ k_SK.T).softmax(-1), v_SK, out=mixed_CK)
    return mixed_NHSK
