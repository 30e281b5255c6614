"""Figures of rankings against scikit-learn and by hand; ties, gaps, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from unmask.errors import ConfigError, DataError
from unmask.evaluation.ranking import RankingFigures, by_query, compare_rankings


def drawn(seed: int, queries: int = 12, documents: int = 30) -> tuple[dict, dict]:  # type: ignore[type-arg]
    dice = np.random.default_rng(seed)
    scores, judged = {}, {}
    for query in range(queries):
        names = [f"d{place}" for place in range(documents)]
        scores[f"q{query}"] = dict(zip(names, dice.permutation(documents) / 7.0, strict=True))
        grades = (dice.random(documents) < 0.2) * dice.integers(1, 4, documents)
        grades[0] = 1
        judged[f"q{query}"] = dict(zip(names, grades.tolist(), strict=True))
    return scores, judged


def test_figures_counted_by_hand() -> None:
    found = by_query({"q": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"q": {"b": 1, "c": 1, "a": 0}}, (1, 2))
    assert found.names == ("nDCG@10", "MRR@10", "MAP", "recall@1", "recall@2")
    ideal = 1 + 1 / math.log2(3)
    assert found.values[0] == pytest.approx(
        [(1 / math.log2(3) + 1 / 2) / ideal, 1 / 2, (1 / 2 + 2 / 3) / 2, 0.0, 0.5]
    )


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_scikit_learns(seed: int) -> None:
    scores, judged = drawn(seed)
    found = by_query(scores, judged, (5, 30))
    for place, query in enumerate(found.queries):
        names = list(scores[query])
        said = np.array([scores[query][name] for name in names])
        grades = np.array([judged[query][name] for name in names])
        order = np.argsort(-said)
        hits = grades[order] > 0
        first = int(np.flatnonzero(hits)[0]) + 1
        assert found.values[place] == pytest.approx(
            [
                ndcg_score(grades[None], said[None], k=10),
                1 / first if first <= 10 else 0.0,
                average_precision_score(grades > 0, said),
                hits[:5].sum() / hits.sum(),
                1.0,
            ]
        )


def test_intervals_are_over_queries() -> None:
    scores, judged = drawn(0, queries=80)
    found = RankingFigures.of(scores, judged)
    names = [one.name for one in found.figures]
    assert names == ["nDCG@10", "MRR@10", "MAP", "recall@1", "recall@10", "recall@100"]
    one = found["MAP"]
    assert one.value is not None
    assert one.interval is not None
    assert one.interval.low < one.value < one.interval.high
    each = by_query(scores, judged).values[:, 2]
    width = one.interval.high - one.interval.low
    assert width == pytest.approx(2 * 1.96 * each.std() / 80**0.5, rel=0.2)
    assert found.in_words()["queries"] == "80"


def test_equal_scores_are_ranked_by_name_whatever_their_order() -> None:
    judged = {"q": {"b": 1}}
    for names in ("abc", "cba", "bca"):
        found = by_query({"q": dict.fromkeys(names, 0.5)}, judged)
        assert found.values[0][1] == 0.5
    # Equal in single precision, but not equal.
    near = {"q": {"a": 1.0, "b": 1.0 + 1e-12}}
    assert by_query(near, judged).values[0][1] == 1.0


def test_queries_without_relevant_documents_are_counted_and_said() -> None:
    scores = {"q": {"a": 1.0}, "none": {"a": 1.0}, "zero": {"a": 1.0}, "lost": {}}
    judged = {"q": {"a": 1}, "zero": {"a": 0}, "empty": {}, "unranked": {"a": 2}, "lost": {"a": 1}}
    found = RankingFigures.of(scores, judged)
    # Of q, unranked and lost; nothing was ranked for the last two.
    assert found.queries == 3
    assert found.without_relevant == 3
    assert found["MAP"].value == pytest.approx(1 / 3)
    assert found.in_words()["queries without a relevant document, left out"] == "3"


def test_infinite_scores_are_an_order_too() -> None:
    found = by_query({"q": {"a": -math.inf, "b": math.inf, "c": 0.0}}, {"q": {"c": 1}})
    assert found.values[0][1] == 0.5


def test_two_models_on_the_same_queries() -> None:
    scores, judged = drawn(0, queries=60)
    perfect = {query: {d: float(g) for d, g in judged[query].items()} for query in judged}
    found = {one.figure: one for one in compare_rankings(perfect, scores, judged)}
    assert (found["nDCG@10"].better, found["nDCG@10"].rows) == ("first", 60)
    same = compare_rankings(scores, scores, judged)
    assert {one.better for one in same} == {"neither"}


@pytest.mark.parametrize(
    ("scores", "judged", "words"),
    [
        ({}, {}, "none of 0 has one"),
        ({"q": {"a": 1.0}}, {"q": {"a": 0}}, "none of 1 has one"),
        ({"q1": {"a": 1.0}}, {"1": {"a": 1}}, "none of 1 ranked ones, such as 'q1', is among"),
        ({"q": {"a": math.nan}}, {"q": {"a": 1}}, "document 'a' for query 'q' is NaN"),
        ({"q": {"a": 1.0}}, {"q": {"a": -1}}, "from 0 .* 'a' for query 'q' is -1"),
        ({"q": {"a": 1.0}}, {"q": {"a": 0.5}}, "whole numbers .* is 0.5"),
    ],
)
def test_what_cannot_be_measured(scores: dict, judged: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=words):
        RankingFigures.of(scores, judged)


def test_recall_looks_at_a_document_at_least() -> None:
    with pytest.raises(ConfigError, match=r"recall_at is \[0\]"):
        by_query({"q": {"a": 1.0}}, {"q": {"a": 1}}, (0,))


def test_the_measures_are_loaded_only_where_they_are_used() -> None:
    code = (
        "import sys, unmask, unmask.evaluation.ranking; "
        "sys.exit(any(name in sys.modules for name in ('ir_measures', 'pytrec_eval', 'seqeval')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
