"""Batches in which each token is a word, and objectives over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.span import SpanLM
from unmask.objectives.spans import Lengths

VOCAB, SPECIAL, UNKNOWN, MASK, CLS, SEP = 21, range(5), 1, 4, 2, 3
KIND = Split(masked=1.0, random=0.0)


def worded(
    rows: list[list[int]],
    words: list[list[int]] | None = None,
    samples: Sequence[int] | None = None,
) -> Batch:
    """A batch that tells its words: each token is one, but for special ones, unless they are given.

    Unknown tokens have a word too, as they have in a store.
    """
    if words is None:
        words = [
            [-1 if token in (CLS, SEP) else place for place, token in enumerate(row)]
            for row in rows
        ]
    flat = torch.tensor([word for row in words for word in row])
    return replace(pack(rows, samples=samples), words=flat)


def span_lm(
    split: Split = KIND, p: float = 0.2, most: int = 10, vocab: int = VOCAB, **rates: Any
) -> SpanLM:
    """Spans over the small vocabulary."""
    masking = Masking.over(vocab, SPECIAL, MASK, rates=Rates(**rates), split=split)
    return SpanLM(masking, Lengths(p, most))
