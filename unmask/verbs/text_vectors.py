"""The vectors of what an embedding model is measured by."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.evaluation.embedding import Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.pipelines.embed import Embedder
from unmask.pipelines.running import F32
from unmask.verbs.watch import Silent, Watch


def vectors_of(
    embedder: Embedder, asked: Search | Graded, on_long: OnLong, watch: Watch | None = None
) -> tuple[Vectors, int]:
    """Both sides' vectors, queries with the model's prompt for them and documents with theirs.

    Args:
        embedder: the model.
        asked: the texts.
        on_long: what happens to a text longer than the model takes.
        watch: is told of the progress.

    Returns:
        The vectors, and how many texts were cut.

    Raises:
        TooLong: a text is longer than the model takes, under "error".
    """
    watch, found, cut = watch or Silent(), [], 0
    every, done = len(asked.first) + len(asked.second), 0
    with watch.stage("embedding") as advance:
        for texts, prompt in zip((asked.first, asked.second), prompts_of(embedder)[0], strict=True):
            vectors: list[F32] = []
            for answer in embedder.stream(iter(texts), prompt=prompt, on_long=on_long):
                vectors.append(answer.vector)
                cut += answer.truncated
                done += 1
                advance(done / every, "")
            found.append(np.stack(vectors))
    return Vectors(found[0], found[1], embedder.opened.similarity), cut


def prompts_of(embedder: Embedder) -> tuple[tuple[str, str], Sequence[str]]:
    """What is put before queries and before documents, and what a person should know of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        document = embedder.document_prompt()
    return (embedder.prompts.get("query", ""), document), [str(one.message) for one in caught]
