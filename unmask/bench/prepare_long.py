"""What the measures of long texts share: models of three architectures, and ids of real text."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from unmask.bench import texts as of_texts
from unmask.bench.drawn import FEW, SIZE, drawn
from unmask.bench.measure import Setting
from unmask.tokens.tokenizer import Tokenizer

FAMILIES = {"modernbert": "ModernBERT", "deberta_v2": "DeBERTa-v3", "bert": "BERT"}
"""Architectures, and their names in a table."""
LENGTHS, FEW_LENGTHS = (512, 1024, 2048, 4096, 8192), (256, 512, 1024)
DOCUMENTS = 4000  # docstrings; more than the batches need

Rows = list[list[int]]


def long(setting: Setting) -> dict[str, Any]:
    """One text of the greatest length."""
    return _shared(setting, _lengths(setting)[-1:])


def growth(setting: Setting) -> dict[str, Any]:
    """For each length a batch of texts, all batches of as many tokens."""
    return _shared(setting, _lengths(setting))


def _lengths(setting: Setting) -> tuple[int, ...]:
    return FEW_LENGTHS if setting.quick else LENGTHS


def _shared(setting: Setting, lengths: tuple[int, ...]) -> dict[str, Any]:
    work, size = Path(setting.work), FEW if setting.quick else SIZE
    models = work / f"long-{size}"
    sizes = {
        f"parameters of {name}": drawn(
            models / arch, arch, "encoder", size=size, context=lengths[-1]
        )
        for arch, name in FAMILIES.items()
    }
    path = work / f"ids-{'-'.join(map(str, lengths))}.json"
    batches = {length: _batch(work, length, lengths[-1] // length) for length in lengths}
    path.write_text(json.dumps(batches), "utf-8")
    told = {"tokens of a batch": lengths[-1], **sizes}
    return {"models": str(models), "ids": str(path), "told": told}


def _batch(work: Path, length: int, count: int) -> Rows:
    """Texts of exactly so many tokens, special ones included: docstrings, one after the other."""
    tokenizer = Tokenizer.from_pretrained(of_texts.minilm())
    layout = tokenizer.layout
    inside = length - len(layout.prefix) - len(layout.suffix)
    stream = tokenizer.ids_stream(of_texts.documents(work)[:DOCUMENTS])
    ids = list(islice((token for one in stream for token in one), count * inside))
    parts = (ids[number * inside : (number + 1) * inside] for number in range(count))
    return [[*layout.prefix, *part, *layout.suffix] for part in parts]


def loaded(path: str, longest: int | None = None) -> dict[int, Rows]:
    """Batches by the length of their texts, shortest first.

    Args:
        path: the file.
        longest: the greatest length that is wanted; None for all.
    """
    said: dict[str, Rows] = json.loads(Path(path).read_text("utf-8"))
    batches = {int(length): rows for length, rows in said.items()}
    return {n: batches[n] for n in sorted(batches) if longest is None or n <= longest}
