"""What an encoder and a decoder of its size are given: texts to label, pairs to score, models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unmask.arch.spec import HeadKind
from unmask.bench import texts as of_texts
from unmask.bench.drawn import FEW, SIZE, drawn
from unmask.bench.measure import Setting
from unmask.tokens.tokenizer import Tokenizer

TEXTS, FEW_TEXTS = 256, 24
QUERY_TOKENS = (6, 24)  # special ones included
CONTEXT = 1024  # holds the longest query and document with the words around them
LABELS = tuple(f"label {number}" for number in range(8))
CLASSIFIER, RERANKER, DECODER = "classifier", "reranker", "decoder"
"""Folders of the three models."""
MODELS: tuple[tuple[str, str, HeadKind, tuple[str, ...]], ...] = (
    (CLASSIFIER, "modernbert", "sequence", LABELS),
    (RERANKER, "modernbert", "sequence", ("relevant",)),
    (DECODER, "decoder", "lm", ()),
)

Pair = tuple[str, str]


def texts_and_pairs(setting: Setting) -> dict[str, Any]:
    """First paragraphs of docstrings, by themselves and each behind a short one as its query."""
    work, tokenizer = Path(setting.work), Tokenizer.from_pretrained(of_texts.minilm())
    count = FEW_TEXTS if setting.quick else TEXTS
    documents = of_texts.paragraphs(work, tokenizer, count)
    told = of_texts.stored(work, "to-label", documents, tokenizer)
    pairs = list(zip(_queries(work, tokenizer, count), documents, strict=True))
    path = work / "pairs.json"
    path.write_text(json.dumps(pairs), "utf-8")
    size = FEW if setting.quick else SIZE
    models = work / f"decoder-{size}"
    sizes = {
        f"parameters of the {name}": drawn(
            models / name, arch, kind, size=size, context=CONTEXT, labels=own
        )
        for name, arch, kind, own in MODELS
    }
    return {
        "models": str(models),
        "texts": told["texts"],
        "pairs": str(path),
        "told": told["told"] | sizes,
    }


def _queries(work: Path, tokenizer: Tokenizer, count: int) -> list[str]:
    """Short paragraphs; where they are too few, those that there are come again."""
    some = of_texts.paragraphs(work, tokenizer, 8 * count, seed=1)
    lengths = of_texts.token_counts(tokenizer, some)
    least, most = QUERY_TOKENS
    short = [text for text, length in zip(some, lengths, strict=True) if least <= length <= most]
    return [short[number % len(short)] for number in range(count)]


def loaded_pairs(path: str) -> list[Pair]:
    """The pairs of the file."""
    pairs: list[list[str]] = json.loads(Path(path).read_text("utf-8"))
    return [(query, document) for query, document in pairs]
