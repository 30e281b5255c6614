"""The vectors of texts, collected, and of what an embedding model is measured by."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.evaluation.embedding import Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.pipelines.embed import Embedder
from unmask.pipelines.running import F32
from unmask.report.facts_measured import Length
from unmask.verbs.evaluation_facts import telling_unknown
from unmask.verbs.watch import Advance, Silent, Watch


@dataclass(frozen=True, slots=True)
class Collected:
    """What a model made of texts.

    Attributes:
        vectors: `(N, E)`.
        lengths: of the N texts, prompts included, and how they were read.
    """

    vectors: F32
    lengths: tuple[Length, ...]

    @property
    def truncated(self) -> int:
        """How many texts were cut."""
        return sum(one.how == "cut" for one in self.lengths)


def collected(
    embedder: Embedder,
    texts: Sequence[str],
    on_long: OnLong,
    *,
    prompt: str = "",
    advance: Advance | None = None,
    watch: Watch | None = None,
) -> Collected:
    """The vectors of texts, and how long these were.

    Args:
        embedder: the model.
        texts: N of them.
        on_long: what happens to a text longer than the model takes.
        prompt: put before each.
        advance: is told of the share that is done.
        watch: is told of texts that the tokenizer knows nothing of.

    Raises:
        TooLong: a text is longer than the model takes, under "error".
    """
    found = np.empty((len(texts), embedder.dimension), dtype=np.float32)
    lengths: list[Length] = []
    made = embedder.stream(iter(texts), prompt=prompt, on_long=on_long)
    told = telling_unknown(made, watch or Silent(), attrgetter("unknown"))
    for place, one in enumerate(told):
        found[place] = one.vector
        lengths.append(Length.of(one.tokens, one.truncated, embedder.opened.limit))
        if advance is not None:
            advance((place + 1) / len(texts), "")
    return Collected(found, tuple(lengths))


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
    watch, before = watch or Silent(), prompts_of(embedder)[0]
    share = len(asked.first) / (len(asked.first) + len(asked.second))
    with watch.stage("embedding") as advance:
        first = collected(
            embedder,
            asked.first,
            on_long,
            prompt=before[0],
            advance=_part(advance, 0.0, share),
            watch=watch,
        )
        second = collected(
            embedder,
            asked.second,
            on_long,
            prompt=before[1],
            advance=_part(advance, share, 1.0),
            watch=watch,
        )
    vectors = Vectors(first.vectors, second.vectors, embedder.opened.similarity)
    return ReadTexts(vectors, first.lengths, second.lengths)


def _part(advance: Advance, begin: float, end: float) -> Advance:
    """The progress of a part, as that of the whole."""
    return lambda share, words: advance(begin + share * (end - begin), words)


def prompts_of(embedder: Embedder) -> tuple[tuple[str, str], Sequence[str]]:
    """What is put before queries and before documents, and what a person should know of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        document = embedder.document_prompt()
    return (embedder.prompts.get("query", ""), document), [str(one.message) for one in caught]
