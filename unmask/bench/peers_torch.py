"""sentence-transformers as a peer, in either precision, at its default or its best batch size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from unmask.bench import texts as of_texts
from unmask.bench.arm import F32, Arm
from unmask.bench.timing import BATCHES, Encode, OneByOne, Whole, fastest


def sentence_transformers(
    folder: str,
    texts: str,
    tokens: int,
    precision: str = "fp32",
    batch: int | str = 32,
    max_length: int = 0,
    one_by_one: bool = False,
    **common: Any,
) -> Arm:
    """`SentenceTransformer.encode`, which sorts texts by length itself.

    Args:
        batch: texts of a batch; "best" for the fastest of `BATCHES`.
    """
    from sentence_transformers import SentenceTransformer

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype})
    if max_length:
        model.max_seq_length = max_length
    some = of_texts.loaded(texts)
    if one_by_one:
        return OneByOne(encoder(model, 1), some, tokens)
    if batch == "best":
        batch = int(fastest({size: encoder(model, size) for size in BATCHES}, some))
    return Whole(encoder(model, int(batch)), some, tokens, {"batch": float(batch)})


def encoder(model: Any, batch: int) -> Encode:
    """Texts to vectors in batches of so many."""

    def encode(some: Sequence[str]) -> F32:
        found = model.encode(list(some), batch_size=batch, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)

    return encode
