"""Encoders of `transformers` that read batches of ids of one length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unmask.bench.long import ByLength, by_length
from unmask.bench.prepare_long import Rows

# DeBERTa has no other attention there than its own.
ATTENTION = {"modernbert": "sdpa", "bert": "sdpa", "deberta_v2": "eager"}


def encoder(
    arch: str,
    precision: str,
    models: str,
    ids: str,
    longest: int | None = None,
    **_: Any,
) -> ByLength:
    """`AutoModel`, its weights in bf16 where that is the precision; nothing is padded.

    Args:
        arch: folder of the model in `models`.
        precision: "fp32" or "bf16".
        ids, longest: as `by_length` takes them.
    """
    import transformers

    model = transformers.AutoModel.from_pretrained(
        str(Path(models) / arch),
        dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
        attn_implementation=ATTENTION[arch],
    ).eval()

    def read(rows: Rows) -> torch.Tensor:
        ids_bs = torch.tensor(rows)
        with torch.inference_mode():
            found = model(input_ids=ids_bs, attention_mask=torch.ones_like(ids_bs))
        hidden: torch.Tensor = found.last_hidden_state.flatten(0, 1)
        return hidden

    return by_length(read, ids, longest)
