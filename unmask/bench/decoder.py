"""An encoder and a decoder of its size at the same two tasks: this package's arms.

A label is what a classifier's head gives, or so many tokens that a decoder writes behind the text,
with the keys and values of what it has read kept. A score is what a reranker's head gives, or how
much rather a decoder would write "yes" than "no" next.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.bench import texts as of_texts
from unmask.bench.arm import F32
from unmask.bench.prepare_decoder import CLASSIFIER, DECODER, RERANKER, Pair, loaded_pairs
from unmask.bench.timing import Whole
from unmask.nn.prepared import Precision
from unmask.pipelines.classify import Classifier
from unmask.pipelines.generate import Generator
from unmask.pipelines.rerank import Reranker
from unmask.pipelines.running import run

LABEL_TOKENS = 3
"""Tokens of a label that is written."""
ANSWERS = ("yes", "no")


def to_label(text: str) -> str:
    """What a decoder is asked of a text."""
    return f"Text: {text} Label:"


def to_score(pair: Pair) -> str:
    """What a decoder is asked of a query and a document."""
    return f"Query: {pair[0]} Document: {pair[1]} Relevant:"


def one_row(scores: torch.Tensor | F32) -> F32:
    """Scores `(N,)` as a single output `(1, N)`: the cosine is then that of all of them."""
    return np.asarray(scores, dtype=np.float32)[None]


def words_as_outputs(written: Sequence[str]) -> F32:
    """Labels as numbers `(N, 32)`: equal ones have a cosine of 1, others one near 0."""
    digests = [sha256(text.encode()).digest() for text in written]
    return np.stack([np.frombuffer(digest, np.int8) for digest in digests]).astype(np.float32)


def classifier(models: str, texts: str, precision: Precision, **_: Any) -> Whole[str]:
    """`unmask.Classifier` with the probabilities of all labels."""
    model = Classifier.from_pretrained(Path(models) / CLASSIFIER, precision=precision)
    some = of_texts.loaded(texts)

    def label(texts: Sequence[str]) -> F32:
        found = model.predict(texts, scores=True)
        return np.array([list(one["scores"].values()) for one in found], dtype=np.float32)

    return Whole(label, some, len(some))


def reranker(models: str, pairs: str, precision: Precision, **_: Any) -> Whole[Pair]:
    """`unmask.Reranker`."""
    model = Reranker.from_pretrained(Path(models) / RERANKER, precision=precision)
    some = loaded_pairs(pairs)
    return Whole(lambda pairs: one_row(model.predict(pairs)), some, len(some))


def writer(models: str, texts: str, precision: Precision, **_: Any) -> Whole[str]:
    """`unmask.Generator`, which writes a label behind each text."""
    model = Generator.from_pretrained(Path(models) / DECODER, precision=precision)
    some = of_texts.loaded(texts)

    def label(texts: Sequence[str]) -> F32:
        found = model([to_label(text) for text in texts], LABEL_TOKENS)
        return words_as_outputs([one["text"] for one in found])

    return Whole(label, some, len(some))


def scorer(models: str, pairs: str, precision: Precision, **_: Any) -> Whole[Pair]:
    """The same decoder, which reads a pair and says how probable each answer is."""
    opened = Generator.from_pretrained(Path(models) / DECODER, precision=precision).opened
    tokenizer, model = opened.tokenizer, opened.model
    yes, no = (tokenizer.token_to_id(answer) for answer in ANSWERS)
    some = loaded_pairs(pairs)

    def read(batch: Batch) -> torch.Tensor:
        logits: torch.Tensor = model(batch, batch.boundaries[1:] - 1)
        return logits[:, yes] - logits[:, no]

    def score(pairs: Sequence[Pair]) -> F32:
        before = tokenizer.layout.prefix
        rows = [[*before, *ids] for ids in tokenizer.ids_stream(map(to_score, pairs))]
        return one_row(torch.stack(run(rows, lambda batch: list(read(batch)), "cpu")).float())

    return Whole(score, some, len(some))
