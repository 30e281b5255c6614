"""The nearest vectors of a corpus that may be larger than memory: exact, and chunk by chunk.

A score is computed in float64 from the two vectors alone and rounded once, to float32; equal scores
are ranked by the place in the corpus. So no answer depends on how the corpus is read, on the other
queries, or on the order in which a matrix product adds up.

Cosine and dot product first look at a product in float32, which is fast, and then score all pairs
that its rounding leaves open. A float32 product of E terms is off by at most about E / 2^24 of the
two lengths (Higham 2002, section 3.1); twice that is allowed for.

Q queries, N vectors of the corpus, C of them at once, E numbers each, K hits, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from unmask.checkpoint.sentence_schema import Similarity
from unmask.errors import ConfigError, ModelError, shown
from unmask.pipelines.quantized import F32, Vectors, check_finite, in_form

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
By = Similarity | Literal["hamming"]

NUMBERS = 1 << 24
"""Numbers of the corpus that are held at once: 64 MiB of float32."""
QUERIES = 256  # compared with a chunk at once
PAIRS = 1 << 21  # numbers of the pairs that are scored at once
LARGEST, SMALLEST = 1e30, 1e-30  # lengths between which products neither overflow nor vanish
NOBODY = np.iinfo(np.int64).max  # stands behind every real place
_NUMBERS = "fiu"  # kinds of NumPy's types


class Hit(TypedDict):
    """One vector that was found.

    Keys:
        corpus_id: its place in the corpus, from 0.
        score: larger is nearer.
    """

    corpus_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Hits:
    """The nearest vectors of each query, the nearest first.

    Attributes:
        corpus_ids: `(Q, K)` int64, places in the corpus; K is as asked, or N where that is less.
        scores: `(Q, K)` float32; larger is nearer.
    """

    corpus_ids: I64
    scores: F32

    def __len__(self) -> int:
        """Q."""
        return len(self.corpus_ids)

    def __getitem__(self, query: int) -> list[Hit]:
        """The hits of one query."""
        both = zip(self.corpus_ids[query].tolist(), self.scores[query].tolist(), strict=True)
        return [Hit(corpus_id=place, score=score) for place, score in both]


def search(
    queries: npt.ArrayLike | Vectors,
    corpus: npt.ArrayLike | Vectors,
    k: int = 10,
    *,
    by: By | None = None,
    at_once: int | None = None,
) -> Hits:
    """The nearest vectors of a corpus for each query, exactly.

    Args:
        queries: `(Q, E)`, or one vector `(E,)`.
        corpus: `(N, E)` float32, float16, or bits as packed bytes; an array, also one that NumPy
            maps from a file, or what `open_vectors` and `quantize` give. A list of vectors becomes
            float32.
        k: how many are given for each query.
        by: "cosine", "dot", minus the "euclidean" or "manhattan" distance; of bits minus the
            number of bits that differ ("hamming"), for which queries are turned into bits. None
            for "hamming" of bits and "cosine" of all else. A vector of zeros has the cosine 0.
        at_once: vectors of the corpus that are read at once; None for 64 MiB of them. It changes
            the speed, and no answer.

    Raises:
        ConfigError: `k` or `at_once` is less than 1, or `by` does not fit the corpus.
        ModelError: the vectors are of different widths, or are none.
        DataError: a vector is not finite.
    """
    stored = corpus if isinstance(corpus, Vectors) else Vectors(_array(corpus, "a corpus"))
    by = _chosen(stored, by)
    if k < 1 or (at_once is not None and at_once < 1):
        raise ConfigError(f"k and at_once must be at least 1, not {k} and {at_once}")
    asked = _asked(queries, bits=by == "hamming")
    width = stored.array.shape[1]
    if asked.shape[1] != width:
        raise ModelError(
            f"queries and corpus must have the same width, but have {asked.shape[1]} and {width}"
            f"{' bytes' if by == 'hamming' else ''}. Are they from one model?"
        )
    score, best = _SCORERS[by](asked), _Best.empty(len(asked), min(k, len(stored)))
    for begin, chunk in _chunks(stored, at_once or max(1, NUMBERS // max(1, width))):
        prepared = score.prepared(chunk)
        for first in range(0, len(asked), QUERIES):
            some = slice(first, min(first + QUERIES, len(asked)))
            rows, columns, scores = score(some, prepared, best.scores[some, -1], best.k)
            best.add(some, rows, columns + begin, scores)
    return Hits(best.ids, best.scores)


def pair_scores(first: F64, second: F64, by: Similarity) -> F32:
    """How near the vectors of each pair are, by the rule of `search`.

    Args:
        first, second: `(P, E)` float64.
        by: how they are compared.

    Returns:
        `(P,)`; larger is nearer.
    """
    # Sums along the rows of a contiguous table do not depend on how many rows there are.
    if by == "euclidean":
        scores = -np.sqrt(np.square(first - second).sum(1))
    elif by == "manhattan":
        scores = -np.abs(first - second).sum(1)
    else:
        scores = (first * second).sum(1)
    if by == "cosine":
        lengths = np.sqrt(np.square(first).sum(1) * np.square(second).sum(1))
        zeros = np.zeros_like(scores)
        scores = np.clip(np.divide(scores, lengths, out=zeros, where=lengths > 0), -1.0, 1.0)
    rounded: F32 = scores.astype(np.float32)
    return rounded


@dataclass(slots=True)
class _Best:
    """The best of each query so far; where there are fewer than K, nobody with a score of minus
    infinity."""

    ids: I64
    scores: F32

    @classmethod
    def empty(cls, queries: int, k: int) -> _Best:
        ids = np.full((queries, k), NOBODY, dtype=np.int64)
        return cls(ids, np.full((queries, k), -np.inf, dtype=np.float32))

    @property
    def k(self) -> int:
        return int(self.ids.shape[1])

    def add(self, some: slice, rows: I64, ids: I64, scores: F32) -> None:
        """Let P pairs compete with what is there; `rows` counts from the first query of `some`."""
        queries = len(self.ids[some])
        rows = np.concatenate([np.repeat(np.arange(queries), self.k), rows])
        ids = np.concatenate([self.ids[some].ravel(), ids])
        scores = np.concatenate([self.scores[some].ravel(), scores])
        order = np.lexsort((ids, -scores, rows))
        starts = np.searchsorted(rows[order], np.arange(queries))
        taken = order[starts[:, None] + np.arange(self.k)]
        self.ids[some], self.scores[some] = ids[taken], scores[taken]


Found = tuple[I64, I64, F32]
"""`(P,)` each: query, place in the chunk, score."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """Measures that are computed for every pair, exactly."""

    queries: npt.NDArray[Any]
    table: Callable[[Any, Any], F32]

    def prepared(self, chunk: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return chunk

    def __call__(self, some: slice, chunk: npt.NDArray[Any], floor: F32, k: int) -> Found:
        scores_QC = self.table(self.queries[some], chunk)
        rows, columns = _likely(scores_QC, floor, k, 0.0)
        return rows, columns, scores_QC[rows, columns]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Vectors with their lengths: `(C, E)` float32 and `(C,)` float64."""

    vectors: F32
    lengths: F64

    @property
    def tame(self) -> bool:
        """Whether products in float32 neither overflow nor vanish."""
        some = self.lengths[self.lengths > 0]
        return bool(len(some) == 0 or (some.max() < LARGEST and some.min() > SMALLEST))


@dataclass(frozen=True, slots=True)
class _Products:
    """Cosine and dot product."""

    queries: F64
    by: Literal["cosine", "dot"]

    def prepared(self, chunk: F32) -> _Chunk:
        squares = np.einsum("ce,ce->c", chunk, chunk, dtype=np.float64)
        return _Chunk(chunk, np.sqrt(squares))

    def __call__(self, some: slice, chunk: _Chunk, floor: F32, k: int) -> Found:
        asked = self.queries[some]
        if chunk.tame:
            rows, columns = self._open(asked, chunk, floor, k)
        else:
            every = np.indices((len(asked), len(chunk.vectors))).reshape(2, -1)
            rows, columns = every[0], every[1]
        step = max(1, PAIRS // max(1, asked.shape[1]))
        parts = [
            pair_scores(
                asked[rows[at : at + step]],
                chunk.vectors[columns[at : at + step]].astype(np.float64),
                self.by,
            )
            for at in range(0, len(rows), step)
        ]
        return rows, columns, np.concatenate([np.zeros(0, np.float32), *parts])

    def _open(self, asked: F64, chunk: _Chunk, floor: F32, k: int) -> tuple[I64, I64]:
        """The pairs whose score may be among the best, as far as float32 can tell."""
        lengths = np.sqrt(np.square(asked).sum(1))
        lengths[lengths == 0] = 1.0
        likely_QC = (asked / lengths[:, None]).astype(np.float32) @ chunk.vectors.T
        slack = (asked.shape[1] + 8) * 2.0**-23
        if self.by == "cosine":
            whole = np.where(chunk.lengths > 0, chunk.lengths, 1.0)
            likely_QC /= whole.astype(np.float32)
            least = floor.astype(np.float64)
        else:
            slack *= float(chunk.lengths.max(initial=0.0))
            least = floor / lengths
        return _likely(likely_QC, least, k, slack)


def _likely(scores_QC: F32, floor: F64 | F32, k: int, slack: float) -> tuple[I64, I64]:
    """Pairs that may be among the best K of a query: `(P,)` queries and places.

    Args:
        scores_QC: `(Q, C)`, each off by at most `slack`.
        floor: `(Q,)` the K-th best so far, exact.
        k: K.
        slack: see above.
    """
    least = floor.astype(np.float64) - slack
    inside = scores_QC >= least[:, None]
    columns = scores_QC.shape[1]
    if columns > k and int(inside.sum()) > 4 * k * len(scores_QC):
        # The K-th best of the chunk itself is no better than K of its vectors.
        kth = np.partition(scores_QC, columns - k, axis=1)[:, columns - k].astype(np.float64)
        inside &= scores_QC >= (kth - 2 * slack)[:, None]
    rows, places = np.nonzero(inside)
    return rows, places


def _distances(metric: Literal["euclidean", "cityblock"]) -> Callable[[F64, F32], F32]:
    """Minus the distance of every pair, each by itself in float64."""

    def table(first: F64, second: F32) -> F32:
        from scipy.spatial.distance import cdist  # only whoever asks for it waits for it

        found = cdist(first, second.astype(np.float64), metric)
        rounded: F32 = (-found).astype(np.float32)
        return rounded

    return table


def _hamming(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> F32:
    """Minus the number of bits that differ, of every pair."""
    rows = [np.bitwise_count(second ^ one).sum(1, dtype=np.int32) for one in first]
    return -np.array(rows, dtype=np.float32).reshape(len(first), len(second))


_Scorer = _Tables | _Products
_SCORERS: Mapping[By, Callable[[Any], Any]] = {
    "cosine": lambda queries: _Products(queries, "cosine"),
    "dot": lambda queries: _Products(queries, "dot"),
    "euclidean": lambda queries: _Tables(queries, _distances("euclidean")),
    "manhattan": lambda queries: _Tables(queries, _distances("cityblock")),
    "hamming": lambda queries: _Tables(queries, _hamming),
}


def _chosen(stored: Vectors, by: By | None) -> By:
    bits = stored.form == "bits"
    chosen: By = by or ("hamming" if bits else "cosine")
    if chosen not in _SCORERS:
        raise ConfigError(f"by must be one of {', '.join(_SCORERS)}, not {by!r}")
    if bits != (chosen == "hamming"):
        raise ConfigError(
            f"vectors as {stored.form} are compared by "
            f"{'hamming' if bits else 'cosine, dot, euclidean or manhattan'}, not by {chosen}; "
            "leave it out"
        )
    return chosen


def _array(vectors: npt.ArrayLike, what: str) -> npt.NDArray[Any]:
    """An array as it is, and lists of numbers as one: of bytes as they are, else float32."""
    if isinstance(vectors, np.ndarray) and vectors.dtype.kind in _NUMBERS:
        return vectors
    try:
        found = np.asarray(vectors)
    except (TypeError, ValueError):  # rows of different widths, for one
        found = np.empty(0, dtype=object)
    if found.dtype.kind not in _NUMBERS:
        raise ModelError(
            f"{what} must hold vectors of numbers that are all of one width, not {shown(vectors)}; "
            "an Embedder's encode makes them from texts"
        )
    return found if found.dtype in (np.uint8, np.float16) else found.astype(np.float32)


def _asked(queries: npt.ArrayLike | Vectors, *, bits: bool) -> npt.NDArray[Any]:
    """`(Q, E)` float64, or as bits `(Q, E / 8)` uint8."""
    if isinstance(queries, Vectors):
        if queries.form == "bits" and bits:
            return queries.array
        if queries.form == "bits":
            raise ConfigError("queries as bits find bits alone; give them as floats")
        table = queries.floats()
    else:
        given = np.atleast_2d(_array(queries, "queries"))
        if bits and given.dtype == np.uint8:
            return given
        table = given.astype(np.float32)
    if table.ndim != 2:
        raise ModelError(f"queries must be a table (Q, E), not of shape {table.shape}")
    check_finite(table, "query")
    return in_form(table, "bits") if bits else table.astype(np.float64)


def _chunks(stored: Vectors, rows: int) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """The corpus in parts, each with the place of its first vector."""
    bits = stored.form == "bits"
    for begin in range(0, len(stored), rows):
        if bits:
            yield begin, np.asarray(stored.array[begin : begin + rows])
            continue
        chunk = stored.floats(begin, begin + rows)
        check_finite(chunk, "vector of the corpus", begin)
        yield begin, chunk
