"""What every exported model is run with: fast tokenizer, batches sorted by length, mean pooling.

All of it is inside the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import tee
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from unmask.bench.arm import F32
from unmask.bench.timing import Encode

I64 = npt.NDArray[np.int64]
NAMES = ("input_ids", "attention_mask", "token_type_ids")
MARGIN = 1e-12  # what a norm of zero is divided by

Arrays = Mapping[str, I64]
"""A padded batch `(B, L)`, by name."""
Forward = Callable[[Iterable[Arrays]], Iterable[F32]]
"""Batches to hidden states `(B, L, D)` of each, in order."""


def encoder(folder: str | Path, max_length: int, batch: int, forward: Forward) -> Encode:
    """Texts to normalised vectors `(N, D)`, by a model that takes padded batches.

    Args:
        folder: with `tokenizer.json`.
        max_length: tokens of a text, special ones included; more are cut off.
        batch: texts of a batch.
        forward: the model.
    """
    tokenizer = fast_tokenizer(folder, max_length)

    def encode(texts: Sequence[str]) -> F32:
        rows = [one.ids for one in tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        groups = [order[start : start + batch] for start in range(0, len(order), batch)]
        one, two = tee(padded([rows[place] for place in places]) for places in groups)
        found: F32 | None = None
        for places, arrays, hidden in zip(groups, one, forward(two), strict=True):
            vectors = _pooled(arrays["attention_mask"], hidden)
            if found is None:
                found = np.empty((len(rows), vectors.shape[1]), np.float32)
            found[places] = vectors
        return np.zeros((0, 0), np.float32) if found is None else found

    return encode


def fast_tokenizer(folder: str | Path, max_length: int) -> Tokenizer:
    """The library's own tokenizer of a folder, which cuts and does not pad."""
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def padded(rows: Sequence[Sequence[int]]) -> dict[str, I64]:
    """A batch as arrays `(B, L)`; id 0 pads, as in BERT's vocabularies."""
    longest = max(map(len, rows))
    ids = np.zeros((len(rows), longest), np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return dict(zip(NAMES, (ids, mask, np.zeros_like(ids)), strict=True))


def _pooled(seen: I64, hidden_bld: F32) -> F32:
    mask = seen.astype(np.float32)
    # One product for each text: sums without a copy of the masked states.
    sums: F32 = np.matmul(mask[:, None, :], hidden_bld)[:, 0]
    sums /= mask.sum(1, keepdims=True)
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), MARGIN)
    return sums
