"""Exact search: beside all scores at once, whatever the chunks, with ties by place."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from unmask.errors import ConfigError, DataError, ModelError
from unmask.pipelines import search as module
from unmask.pipelines.quantized import Vectors, quantize
from unmask.pipelines.search import By, pair_scores, search
from unmask.pipelines.similarity import similarity

MEASURES = ("cosine", "dot", "euclidean", "manhattan")


def drawn(count: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


@pytest.mark.parametrize("by", MEASURES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_hits_are_the_best_of_all_scores(by: Any, dtype: str) -> None:
    queries, corpus = drawn(7, 33), drawn(300, 33, 1).astype(dtype)
    scores = similarity(queries, corpus.astype(np.float32), by)
    found = search(queries, corpus, 12, by=by)
    assert (found.corpus_ids.dtype, found.scores.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(found.corpus_ids, np.argsort(-scores, axis=1)[:, :12])
    np.testing.assert_allclose(found.scores, np.sort(scores, axis=1)[:, ::-1][:, :12], atol=1e-4)
    assert found[3][0] == {
        "corpus_id": int(scores[3].argmax()),
        "score": pytest.approx(float(scores[3].max()), abs=1e-4),
    }


@pytest.mark.parametrize("by", [*MEASURES, "hamming"])
def test_no_answer_hangs_on_the_chunks_or_on_other_queries(by: Any) -> None:
    queries, corpus = drawn(6, 40), drawn(500, 40, 1)
    corpus[100:140] = corpus[100]  # many of one score
    corpus[300:] *= np.linspace(0.1, 30, 200, dtype=np.float32)[:, None]  # nearer and nearer by dot
    stored = quantize(corpus, "bits") if by == "hamming" else Vectors(corpus)
    whole = search(queries, stored, 50, by=by)
    for at_once in (1, 7, 64, 499, 1000):
        found = search(queries, stored, 50, by=by, at_once=at_once)
        np.testing.assert_array_equal(found.corpus_ids, whole.corpus_ids)
        np.testing.assert_array_equal(found.scores, whole.scores)
    for place, query in enumerate(queries):
        alone = search(query, stored, 50, by=by, at_once=90)
        np.testing.assert_array_equal(alone.corpus_ids[0], whole.corpus_ids[place])
        np.testing.assert_array_equal(alone.scores[0], whole.scores[place])


@pytest.mark.parametrize("by", [*MEASURES, "hamming"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_equal_scores_are_ranked_by_place(by: Any, dtype: str) -> None:
    corpus = np.repeat(drawn(4, 24), 30, axis=0).astype(dtype)[np.arange(120) * 7 % 120]
    queries = drawn(3, 24, 1)
    stored = quantize(corpus, "bits") if by == "hamming" else Vectors(corpus)
    found = search(queries, stored, 80, by=by, at_once=11)
    for ids, scores in zip(found.corpus_ids, found.scores, strict=True):
        assert (np.diff(scores) <= 0).all()
        assert (np.diff(ids)[np.diff(scores) == 0] > 0).all()
        assert len(np.unique(scores)) <= 4  # equal vectors have equal scores, to the bit


def test_products_that_float32_cannot_tell_apart_are_told() -> None:
    """Their scores differ by less than what a float32 product may be off by."""
    query = np.ones(4096, dtype=np.float32)
    corpus = np.ones((200, 4096), dtype=np.float32)
    for place in range(200):
        corpus[place, (place * 37) % 4096] += np.float32(1e-3) * (place * 61 % 200)
    exact = corpus.astype(np.float64).sum(1).astype(np.float32)
    order = np.lexsort((np.arange(200), -exact))
    found = search(query, corpus, 20, by="dot", at_once=33)
    np.testing.assert_array_equal(found.corpus_ids[0], order[:20])
    np.testing.assert_array_equal(found.scores[0], exact[order[:20]])


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_very_small_and_very_large_numbers(scale: float) -> None:
    queries, corpus = drawn(2, 8), drawn(50, 8, 1)
    wanted = search(queries, corpus, 5)
    found = search(queries, corpus * np.float32(scale), 5)
    np.testing.assert_array_equal(found.corpus_ids, wanted.corpus_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-5)


def test_vectors_of_zeros_have_the_cosine_0() -> None:
    corpus = np.array([[1, 0], [0, 0], [-1, 0]], dtype=np.float32)
    found = search([[2.0, 0.0], [0.0, 0.0]], corpus, 3)
    assert found.corpus_ids.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert found.scores.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_fewer_vectors_than_hits_and_none_at_all() -> None:
    assert search(drawn(2, 4), drawn(3, 4), 10).corpus_ids.shape == (2, 3)
    assert search(drawn(2, 4), drawn(0, 4), 10).corpus_ids.shape == (2, 0)
    assert len(search(drawn(0, 4), drawn(3, 4), 2)) == 0


def test_a_file_larger_than_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, queries = drawn(40_000, 64, 1), drawn(3, 64)
    np.save(tmp_path / "a.npy", corpus)
    whole = search(queries, corpus, 9)
    monkeypatch.setattr(module, "NUMBERS", 64 * 500)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    tracemalloc.start()
    found = search(queries, mapped, 9)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found.corpus_ids, whole.corpus_ids)
    np.testing.assert_array_equal(found.scores, whole.scores)
    assert most < corpus.nbytes / 4


def test_int8_is_searched_by_what_its_levels_stand_for() -> None:
    queries, corpus = drawn(4, 32), drawn(400, 32, 1)
    small = quantize(corpus, "int8")
    found = search(queries, small, 10)
    wanted = search(queries, small.floats(), 10)
    np.testing.assert_array_equal(found.corpus_ids, wanted.corpus_ids)
    full = search(queries, corpus, 10).corpus_ids
    kept = [
        len(set(a) & set(b)) for a, b in zip(found.corpus_ids.tolist(), full.tolist(), strict=True)
    ]
    assert min(kept) >= 9


def test_bits_are_counted() -> None:
    queries, corpus = drawn(3, 20), drawn(100, 20, 1)
    differing = ((queries > 0)[:, None] != (corpus > 0)[None]).sum(2)
    found = search(queries, quantize(corpus, "bits"), 100)
    for query, (ids, scores) in enumerate(zip(found.corpus_ids, found.scores, strict=True)):
        np.testing.assert_array_equal(-scores, differing[query][ids])
    packed = np.packbits(corpus > 0, axis=1)
    again = search(quantize(queries, "bits"), packed, 100, by="hamming")
    np.testing.assert_array_equal(again.corpus_ids, found.corpus_ids)


def test_pairs_are_scored_as_the_search_scores_them() -> None:
    queries, corpus = drawn(5, 48), drawn(60, 48, 1)
    for by in ("cosine", "dot"):
        found = search(queries, corpus, 60, by=by)  # type: ignore[arg-type]
        for place, ids in enumerate(found.corpus_ids):
            first = np.repeat(queries[place : place + 1], 60, axis=0).astype(np.float64)
            scores = pair_scores(first, corpus[ids].astype(np.float64), by)  # type: ignore[arg-type]
            np.testing.assert_array_equal(scores, found.scores[place])
    for by in ("euclidean", "manhattan"):
        scores = pair_scores(queries.astype(np.float64), corpus[:5].astype(np.float64), by)  # type: ignore[arg-type]
        np.testing.assert_allclose(
            scores,
            similarity(queries, corpus[:5], by).diagonal(),  # type: ignore[arg-type]
            rtol=1e-5,
        )


@pytest.mark.parametrize(
    ("queries", "corpus", "more", "error", "words"),
    [
        (drawn(1, 4), drawn(3, 5), {}, ModelError, "same width, but have 4 and 5"),
        (drawn(1, 4), drawn(3, 4), {"k": 0}, ConfigError, "at least 1, not 0"),
        (drawn(1, 4), drawn(3, 4), {"at_once": 0}, ConfigError, "at least 1"),
        (drawn(1, 4), drawn(3, 4), {"by": "angle"}, ConfigError, "by must be one of cosine"),
        (drawn(1, 4), drawn(3, 4), {"by": "hamming"}, ConfigError, "float32 are compared by"),
        (drawn(1, 8), np.ones((2, 1), np.uint8), {"by": "dot"}, ConfigError, "by hamming, not"),
        (drawn(1, 4), np.ones((2, 4), np.int8), {}, ConfigError, "need the ranges"),
        (drawn(1, 4), np.ones((2, 4), np.float64), {}, ConfigError, "not as float64"),
        (drawn(1, 4), np.ones(4, np.float32), {}, ModelError, r"a table \(N, E\)"),
        (np.array([[np.nan, 1.0]]), drawn(3, 2), {}, DataError, "query 0 .* has nan"),
        (drawn(1, 2), [[1.0, 2.0], [3.0]], {}, ModelError, r"a corpus must .* not \[\[1.0, 2.0\]"),
        (
            drawn(1, 2),
            ["a text"],
            {},
            ModelError,
            "all of one width, not .'a text'.; an Embedder's",
        ),
        ("a text", drawn(3, 2), {}, ModelError, "queries must hold vectors of numbers"),
        (drawn(1, 2), None, {}, ModelError, "a corpus must hold vectors"),
        (
            drawn(1, 2),
            np.array([[0, 1], [1, 0], [np.inf, 1]], np.float32),
            {"at_once": 2},
            DataError,
            r"vector of the corpus 2 \(counted from 0\) has inf",
        ),
    ],
)
def test_what_cannot_be_searched(
    queries: Any, corpus: Any, more: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        search(queries, corpus, **more)


def test_lists_of_vectors_are_searched_like_arrays() -> None:
    queries, corpus = drawn(3, 4), drawn(9, 4)
    expected = search(queries, corpus, 3)
    for given in (corpus.tolist(), list(corpus), tuple(torch.from_numpy(corpus))):
        found = search(list(queries), given, 3)
        np.testing.assert_array_equal(found.corpus_ids, expected.corpus_ids)
        np.testing.assert_array_equal(found.scores, expected.scores)
    whole = search([[1, 0]], [[0, 1], [2, 0]], 1)
    assert whole[0] == [{"corpus_id": 1, "score": 1.0}]
    packed = np.array([[1], [255]], np.uint8)
    assert search(packed[:1], list(packed), 1)[0][0]["corpus_id"] == 0


def test_every_measure_is_served() -> None:
    every = {name for part in get_args(By) for name in get_args(part) or (part,)}
    assert every == {*MEASURES, "hamming"}
