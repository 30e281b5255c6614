"""Queries with their documents in words that a tiny tokenizer knows, for tests of embeddings."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import OBJECTS, SUBJECTS, VERBS


def pairs(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Who does what? The document says it, in another order and with something else beside it."""
    dice = random.Random(seed)
    whole = [(s, v, o) for s in SUBJECTS for v in VERBS for o in OBJECTS]
    return [
        {
            "query": f"{verb} {thing}",
            "positive": f"{subject} {verb} {thing}.",
            "negative": f"{subject} {dice.choice(VERBS)} {dice.choice(OBJECTS)}, {thing}.",
        }
        for subject, verb, thing in dice.sample(whole, count)
    ]


def graded(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Two sentences, and how many of three parts they share."""
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        one, two = ([dice.choice(part) for part in (SUBJECTS, VERBS, OBJECTS)] for _ in range(2))
        two = [a if dice.random() < 0.5 else b for a, b in zip(one, two, strict=True)]
        score = sum(a == b for a, b in zip(one, two, strict=True))
        rows.append({"sentence1": " ".join(one), "sentence2": " ".join(two), "score": score})
    return rows


def without(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Rows without some of their columns."""
    return [{n: v for n, v in row.items() if n not in names} for row in rows]


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """As JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
