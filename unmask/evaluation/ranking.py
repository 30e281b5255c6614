"""How well documents are ranked for queries: nDCG, MRR, MAP and recall, through `ir-measures`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.errors import ConfigError, DataError, shown
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Difference,
    Estimate,
    Wanted,
    mean_differences,
    resample,
)

Scores = Mapping[str, Mapping[str, float]]
"""By query, the score of each document that was ranked for it."""

Judged = Mapping[str, Mapping[str, int]]
"""By query, the grade of each judged document: 0 is not relevant, 1 and more is, more the better.
A document that was not judged counts as not relevant."""

CUT = 10
RECALL_AT = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class RankingFigure:
    """One of the figures.

    Attributes:
        name: "nDCG@10", "MRR@10", "MAP", "recall@1" and so on.
        mean: over the queries, with its interval by bootstrap over them.
    """

    name: str
    mean: Estimate


@dataclass(frozen=True, slots=True)
class RankingFigures:
    """How well documents are ranked.

    A query that was judged, but for which nothing was ranked, counts 0 in every figure.

    Attributes:
        queries: how many the figures are means over: those with a relevant document.
        without_relevant: queries, judged or ranked, that have no relevant document. No figure is
            defined for them, so they count in none.
        figures: nDCG@10, MRR@10, MAP, and recall at each depth.
    """

    queries: int
    without_relevant: int
    figures: tuple[RankingFigure, ...]

    @classmethod
    def of(
        cls,
        scores: Scores,
        judged: Judged,
        *,
        recall_at: Sequence[int] = RECALL_AT,
        resamples: int = RESAMPLES,
    ) -> RankingFigures:
        """Figures of rankings.

        Args:
            scores: of the documents, by query; more is better. Equal scores are ranked by the
                name of the document, whatever order they come in.
            judged: which documents are relevant, by query.
            recall_at: how many of the first documents recall looks at.
            resamples: of the bootstrap.

        Raises:
            DataError: a score or grade is none, or no query has a relevant document.
            ConfigError: recall looks at less than one document.
        """
        return cls.of_queries(by_query(scores, judged, recall_at), resamples=resamples)

    @classmethod
    def of_queries(cls, each: ByQuery, *, resamples: int = RESAMPLES) -> RankingFigures:
        """Figures of rankings that have been measured, see `by_query`."""
        resampled = resample(
            lambda weights: weights @ each.values / len(each.queries),
            len(each.queries),
            resamples=resamples,
        )
        means = each.values.mean(0)
        figures = tuple(
            RankingFigure(name, Estimate.of(float(means[place]), resampled[:, place]))
            for place, name in enumerate(each.names)
        )
        return cls(len(each.queries), each.without_relevant, figures)

    def __getitem__(self, name: str) -> Estimate:
        """A figure by its name; raises KeyError where there is none."""
        return {one.name: one.mean for one in self.figures}[name]

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        left = (
            {"queries without a relevant document, left out": f"{self.without_relevant:,}"}
            if self.without_relevant
            else {}
        )
        figures = {one.name: str(one.mean) for one in self.figures}
        return {"queries": f"{self.queries:,}", **left, **figures}


@dataclass(frozen=True, slots=True)
class ByQuery:
    """The figures of each query by itself.

    Attributes:
        queries: N names, in order.
        names: K figures.
        values: `(N, K)` from 0 to 1.
        without_relevant: queries that are left out.
    """

    queries: tuple[str, ...]
    names: tuple[str, ...]
    values: F64
    without_relevant: int


def by_query(scores: Scores, judged: Judged, recall_at: Sequence[int] = RECALL_AT) -> ByQuery:
    """The figures of each query that has a relevant document.

    Raises:
        DataError, ConfigError: see `RankingFigures.of`.
    """
    # Loaded here, because only whoever ranks needs it.
    import ir_measures

    if min(recall_at, default=1) < 1:
        raise ConfigError(
            f"recall looks at one document or more, but recall_at is {list(recall_at)}"
        )
    _check_grades(judged)
    relevant = [query for query, grades in judged.items() if max(grades.values(), default=0) > 0]
    every = len({*judged, *scores})
    if not relevant:
        raise DataError(
            "ranking is measured by queries with a relevant document, but none of "
            f"{every:,} has one; check that the names of queries are the same on both sides"
        )
    if unknown := _no_common(scores, relevant):
        raise DataError(unknown)
    measures = {
        f"nDCG@{CUT}": ir_measures.nDCG @ CUT,
        f"MRR@{CUT}": ir_measures.RR @ CUT,
        "MAP": ir_measures.AP,
        **{f"recall@{cut}": ir_measures.R @ cut for cut in recall_at},
    }
    places = {query: place for place, query in enumerate(relevant)}
    columns = {str(measure): place for place, measure in enumerate(measures.values())}
    values = np.zeros((len(relevant), len(measures)))
    found = ir_measures.iter_calc(
        list(measures.values()),
        {query: dict(judged[query]) for query in relevant},
        {query: _ranks(query, scores[query]) for query in relevant if scores.get(query)},
    )
    for one in found:
        values[places[one.query_id], columns[str(one.measure)]] = one.value
    return ByQuery(tuple(relevant), tuple(measures), values, every - len(relevant))


def compare_rankings(
    first: Scores,
    second: Scores,
    judged: Judged,
    *,
    recall_at: Sequence[int] = RECALL_AT,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Paired differences of two models that ranked for the same queries.

    Raises:
        DataError, ConfigError: see `RankingFigures.of`.
    """
    ours, theirs = (by_query(scores, judged, recall_at) for scores in (first, second))
    named: list[tuple[str, Wanted]] = [(name, "more") for name in ours.names]
    return mean_differences(named, ours.values, theirs.values, resamples=resamples)


def _ranks(query: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Scores that say the order and nothing else.

    The measures read scores in single precision, where different ones can be equal, and each has a
    rule of its own for equal ones. Whole numbers leave neither open.
    """
    for document, score in scores.items():
        if math.isnan(score):
            raise DataError(
                f"scores must be numbers, but that of document {shown(document)} for query "
                f"{shown(query)} is NaN; check the model that gave it"
            )
    order = sorted(scores, key=lambda document: (-scores[document], document))
    return {document: float(-place) for place, document in enumerate(order)}


def _check_grades(judged: Judged) -> None:
    for query, grades in judged.items():
        for document, grade in grades.items():
            if isinstance(grade, bool) or not isinstance(grade, int | np.integer) or grade < 0:
                raise DataError(
                    "grades must be whole numbers from 0 (not relevant), but that of document "
                    f"{shown(document)} for query {shown(query)} is {shown(grade)}"
                )


def _no_common(scores: Scores, relevant: Iterable[str]) -> str:
    """Why no ranking belongs to a query that was judged; empty where one does."""
    if not scores or any(query in scores for query in relevant):
        return ""
    return (
        f"rankings and judgements must be of the same queries, but none of {len(scores):,} ranked "
        f"ones, such as {shown(next(iter(scores)))}, is among the judged, such as "
        f"{shown(next(iter(relevant)))}"
    )
