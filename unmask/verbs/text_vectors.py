"""The vectors of what an embedding model is measured by."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.evaluation.embedding import Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.pipelines.embed import Embedder
from unmask.pipelines.running import F32
from unmask.report.facts_measured import Length
from unmask.verbs.watch import Silent, Watch


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """What a model made of the texts of both sides.

    Attributes:
        vectors: of both.
        first, second: how long the texts are, prompts included, and how they were read.
    """

    vectors: Vectors
    first: tuple[Length, ...]
    second: tuple[Length, ...]

    @property
    def truncated(self) -> int:
        """How many texts were cut."""
        return sum(one.how == "cut" for one in (*self.first, *self.second))


def vectors_of(
    embedder: Embedder, asked: Search | Graded, on_long: OnLong, watch: Watch | None = None
) -> ReadTexts:
    """Both sides' vectors, queries with the model's prompt for them and documents with theirs.

    Args:
        embedder: the model.
        asked: the texts.
        on_long: what happens to a text longer than the model takes.
        watch: is told of the progress.

    Raises:
        TooLong: a text is longer than the model takes, under "error".
    """
    watch, limit = watch or Silent(), embedder.opened.limit
    sides: list[tuple[F32, tuple[Length, ...]]] = []
    every, done = len(asked.first) + len(asked.second), 0
    with watch.stage("embedding") as advance:
        for texts, prompt in zip((asked.first, asked.second), prompts_of(embedder)[0], strict=True):
            vectors: list[F32] = []
            lengths: list[Length] = []
            for answer in embedder.stream(iter(texts), prompt=prompt, on_long=on_long):
                vectors.append(answer.vector)
                lengths.append(Length.of(answer.tokens, answer.truncated, limit))
                done += 1
                advance(done / every, "")
            sides.append((np.stack(vectors), tuple(lengths)))
    (first, before), (second, after) = sides
    return ReadTexts(Vectors(first, second, embedder.opened.similarity), before, after)


def prompts_of(embedder: Embedder) -> tuple[tuple[str, str], Sequence[str]]:
    """What is put before queries and before documents, and what a person should know of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        document = embedder.document_prompt()
    return (embedder.prompts.get("query", ""), document), [str(one.message) for one in caught]
