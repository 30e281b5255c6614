"""Our own arms that rank paragraphs for questions, and the pairs that rerankers learn from."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unmask.bench.arm import Measured
from unmask.bench.tasks.ours import tuned
from unmask.bench.tasks.paragraphs import DEPTH, asked_of, nearest
from unmask.bench.tasks.task import Given, file_of
from unmask.evaluation.search import Search
from unmask.pipelines.embed import Embedder
from unmask.pipelines.rerank import Reranker
from unmask.verbs.mine import mine

MINED: Mapping[str, Any] = {"range": 50, "relative_margin": 0.05, "pick": "sampled"}
"""Negatives are drawn among what is reranked later, without what may be an answer."""


def untuned(given: Given) -> Measured:
    """The pretrained model's vectors as they are."""
    return given.told(0.0, 0.0, _found(given, given.model, asked_of(Path(given.data))))


def embed(given: Given) -> Measured:
    """`unmask finetune --task embed`."""
    folder, seconds, training = tuned(given, "embed", **given.more)
    return given.told(seconds, training, _found(given, folder, asked_of(Path(given.data))))


def rerank(given: Given) -> Measured:
    """`unmask mine`, then `unmask finetune --task rerank`."""
    begun = time.perf_counter()
    with mined(given) as (train, dev):
        chosen = {name: given.more.get(name) for name in ("lr", "batch", "pooling")}
        over = {"rank": {"loss": "listwise"}}
        folder, _, training = tuned(given, "rerank", over, train=train, dev=dev, **chosen)
    return given.told(time.perf_counter() - begun, training, reranked(given, folder))


@contextmanager
def mined(given: Given) -> Iterator[tuple[Path, Path]]:
    """Files of the training and of the dev questions, each with its paragraph and negatives.

    Candidates for the former are all paragraphs of the articles to learn from; for the latter, of
    which no weight is learnt, the paragraphs of the dev questions alone.
    """
    known = file_of(Path(given.data), "known", given.seed)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for kind, corpus in (("train", known), ("dev", None)):
            found = mine(
                given.model,
                input=given.file(kind),
                output=Path(folder) / f"{kind}.jsonl",
                corpus=corpus,
                per_query=given.more["negatives"],
                seed=given.seed,
                threads=given.threads,
                device=given.device,
                **MINED,
            )
            files.append(found.output)
        yield files[0], files[1]


def reranked(given: Given, folder: Path) -> list[list[int]]:
    """Of each question the first of those that vectors found, as a reranker orders them."""
    asked = asked_of(Path(given.data))
    reranker = Reranker.from_pretrained(folder, precision="auto", device=given.device)
    said = []
    for question, places in zip(
        asked.first, _found(given, given.model, asked, given.more["candidates"]), strict=True
    ):
        ranked = reranker.rank(question, asked.second, DEPTH, among=places)
        said.append([one["corpus_id"] for one in ranked])
    return said


def _found(given: Given, model: str | Path, asked: Search, count: int = DEPTH) -> list[list[int]]:
    """Of each question the paragraphs that are nearest by a model's vectors."""
    embedder = Embedder.from_pretrained(model, precision="auto", device=given.device)
    questions = embedder.encode_query(list(asked.first))
    return nearest(questions, embedder.encode_document(list(asked.second)), count)
