"""Texts of a made-up language: each is about one of several things, in words of its own."""

from __future__ import annotations

import numpy as np

from unmask.batches.loader import PretrainingBatches

FIRST, TOPICS, WORDS = 8, 8, 6  # special ids come before


def documents(count: int, seed: int = 0) -> list[list[int]]:
    """Token ids of texts of 4 to 12 words, most of them of one topic."""
    dice = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        topic, size = dice.integers(TOPICS), dice.integers(4, 13)
        own = FIRST + topic * WORDS + dice.integers(WORDS, size=size)
        anything = FIRST + dice.integers(TOPICS * WORDS, size=size)
        rows.append(np.where(dice.random(size) < 0.7, own, anything).tolist())
    return rows


def source_of(vocab: int, count: int = 200, budget: int = 256, seed: int = 0) -> PretrainingBatches:
    """Batches of them, between the ids 2 and 3."""
    assert vocab > FIRST + TOPICS * WORDS - 1
    rows = documents(count, seed)
    return PretrainingBatches.over(
        np.array([token for row in rows for token in row], dtype=np.uint32),
        np.cumsum([0, *map(len, rows)]),
        prefix=(2,),
        suffix=(3,),
        context=40,
        budget=budget,
        seed=seed,
    )
