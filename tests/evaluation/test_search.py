"""Documents found by vectors: the figures' definitions, ties, and nothing that hangs on chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unmask.errors import DataError
from unmask.evaluation import search as module
from unmask.evaluation.embedding import Vectors
from unmask.evaluation.search import Search
from unmask.text.related import RelatedRow

F32Array = np.ndarray[Any, Any]
ROWS = [
    RelatedRow("q0", "d0", ("n0", "d1")),
    RelatedRow("q1", "d1"),
    RelatedRow("q0", "d2"),
    RelatedRow("q2", "d0", ("q2",)),
]


def random(*shape: int, seed: int = 0) -> F32Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def vectors_of(queries: int, documents: int) -> Vectors:
    return Vectors(random(queries, 6), random(documents, 6, seed=1), "cosine")


def test_queries_and_documents_are_different_texts() -> None:
    found = Search.of(ROWS, ("x", "d1", "x"))
    assert found.first == ("q0", "q1", "q2")
    assert found.second == ("x", "d1", "d0", "n0", "d2", "q2")
    assert found.relevant == (frozenset({2, 4}), frozenset({1}), frozenset({2}))


def test_figures_are_as_defined() -> None:
    search, vectors = Search.of(ROWS), vectors_of(3, 5)
    assert search.second == ("d0", "n0", "d1", "d2", "q2")
    unit = [
        one / np.linalg.norm(one, axis=1, keepdims=True) for one in (vectors.first, vectors.second)
    ]
    scores = unit[0] @ unit[1].T
    scores[2, 4] = -np.inf  # the query's own text, which is none of its documents
    gains, reciprocal, recall = [], [], []
    for query, own in enumerate(search.relevant):
        order = [d for d in np.argsort(-scores[query]) if np.isfinite(scores[query, d])]
        places = [place for place, d in enumerate(order) if d in own]
        ideal = sum(1 / np.log2(place + 2) for place in range(len(own)))
        gains.append(sum(1 / np.log2(place + 2) for place in places) / ideal)
        reciprocal.append(1 / (1 + places[0]))
        recall.append(len([p for p in places if p < 1]) / len(own))
    figures = search.figures(vectors)
    assert figures["nDCG@10"].value == pytest.approx(np.mean(gains))
    assert figures["MRR@10"].value == pytest.approx(np.mean(reciprocal))
    assert figures["recall@1"].value == pytest.approx(np.mean(recall))
    assert (figures.queries, figures.documents, figures.pairs) == (3, 5, None)
    assert figures.gain is None
    assert search.quick(vectors)["nDCG@10"] == figures["nDCG@10"].value


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [RelatedRow(f"q{n}", f"d{n}") for n in range(40)]
    search, vectors = Search.of(rows), vectors_of(40, 40)
    whole = search.ranked(vectors)
    for size in (1, 80, 200):
        monkeypatch.setattr(module, "AT_ONCE", size)
        np.testing.assert_array_equal(search.ranked(vectors).values, whole.values)
    # A ranking that is cut keeps all that a figure at ten looks at.
    cut = search.ranked(vectors, 10)
    np.testing.assert_array_equal(cut.values[:, :2], whole.values[:, :2])


def test_equal_documents_are_ranked_by_their_place_at_every_depth() -> None:
    rows = [RelatedRow(f"q{n}", f"d{n}") for n in range(30)]
    search = Search.of(rows)
    same = Vectors(np.ones((30, 4), np.float32), np.ones((30, 4), np.float32), "cosine")
    for depth in (1, 10, 1000):
        found = search.ranked(same, depth)
        place = found.names.index("MRR@10")
        wanted = [1 / (1 + n) if n < 10 else 0.0 for n in range(30)]
        np.testing.assert_allclose(found.values[:, place], wanted)


def test_before_and_shorter_vectors_stand_beside() -> None:
    rows = [RelatedRow(f"q{n}", f"d{n}") for n in range(40)]
    search, before = Search.of(rows), vectors_of(40, 40)
    after = Vectors(before.first, before.first + 0.1 * before.second, "cosine")
    found = search.figures(after, before, (3, 2))
    assert found.gain is not None
    assert found.gain.better == "first"
    assert found.gain.figure == "nDCG@10"
    words = found.in_words()
    assert words["queries"] == words["documents"] == "40"
    assert ", before 0." in words["nDCG@10"]
    assert [(one.name, one.dimension) for one in found.cut] == [("nDCG@10", 3), ("nDCG@10", 2)]
    assert found.cut[0].value == search.figures(after.cut(3))["nDCG@10"]
    assert {"nDCG@10 of 3 numbers", "nDCG@10 gained"} <= words.keys()
    assert search.compared(after, before)[0] == found.gain


def test_vectors_that_are_none() -> None:
    search, vectors = Search.of(ROWS), vectors_of(3, 5)
    vectors.second[2, 1] = np.nan
    with pytest.raises(DataError, match="must be finite numbers"):
        search.figures(vectors)


@pytest.mark.parametrize("by", ["dot", "euclidean"])
def test_the_models_own_measure_counts(by: Any) -> None:
    search = Search.of([RelatedRow("q", "near"), RelatedRow("q2", "far")])
    queries = np.array([[1, 0], [1, 0]], np.float32)
    documents = np.array([[1, 0], [9, 0]], np.float32)
    found = search.ranked(Vectors(queries, documents, by))
    first = found.values[0, found.names.index("recall@1")]
    assert first == (0.0 if by == "dot" else 1.0)
