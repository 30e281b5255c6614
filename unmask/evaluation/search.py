"""Documents found for queries by vectors: among all documents that there are.

Shapes: Q queries, M documents, E width of a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unmask.evaluation.bootstrap import Difference, Estimate, Wanted, mean_differences
from unmask.evaluation.embedding import EmbeddingFigure, EmbeddingFigures, Vectors
from unmask.evaluation.ranking import CUT, ByQuery, RankingFigures, by_query
from unmask.pipelines.running import F32
from unmask.pipelines.similarity import MEASURES
from unmask.text.related import RelatedRow

DEPTH = 1000
"""Documents of a ranking that are looked at, as TREC's tools have it; equal ones at its end are
all in it."""
AT_ONCE = 1 << 23  # scores that are held in memory together: 64 MB


@dataclass(frozen=True, slots=True)
class Found:
    """What is found for a query.

    Attributes:
        first: the document with the highest score; the first of several.
        score: of that one.
        relevant: that of the query's own documents that is ranked best.
        rank: its place in the ranking, from 1.
        ranked: how many documents are ranked.
    """

    first: int
    score: float
    relevant: int
    rank: int
    ranked: int


@dataclass(frozen=True, slots=True)
class Search:
    """Queries, and the documents among which their own are looked for.

    A document that is word for word the query, and not its own, is not ranked for it.

    Attributes:
        first: Q different queries.
        second: M different documents.
        relevant: of each query the numbers of its documents.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    relevant: tuple[frozenset[int], ...]

    @classmethod
    def of(cls, rows: Iterable[RelatedRow], corpus: Sequence[str] = ()) -> Search:
        """All queries of some rows, among all their documents and negatives and those of a corpus.

        Equal texts are one.
        """
        documents = {text: place for place, text in enumerate(dict.fromkeys(corpus))}
        own: dict[str, set[int]] = {}
        for row in rows:
            for text in (row.document, *row.negatives):
                documents.setdefault(text, len(documents))
            own.setdefault(row.query, set()).add(documents[row.document])
        return cls(tuple(own), tuple(documents), tuple(map(frozenset, own.values())))

    def quick(self, vectors: Vectors) -> dict[str, float]:
        """A few figures, for the course of training."""
        found = self.ranked(vectors, CUT)
        names = ("nDCG@10", "MRR@10", "recall@10")
        means = dict(zip(found.names, found.values.mean(0), strict=True))
        return {name: float(means[name]) for name in names}

    def figures(
        self, vectors: Vectors, before: Vectors | None = None, dims: Sequence[int] = ()
    ) -> EmbeddingFigures:
        """All of them, with intervals by bootstrap over the queries.

        Args:
            vectors: of the model.
            before: of the model that it was trained from.
            dims: also of the vectors' first so many numbers.
        """
        now, was = self.ranked(vectors), None if before is None else self.ranked(before)
        old = None if was is None else RankingFigures.of_queries(was)
        width, found = vectors.first.shape[1], RankingFigures.of_queries(now)
        main = now.names[0]
        return EmbeddingFigures(
            queries=len(self.first),
            documents=len(self.second),
            pairs=None,
            figures=tuple(
                EmbeddingFigure(one.name, width, one.mean, None if old is None else old[one.name])
                for one in found.figures
            ),
            cut=tuple(
                EmbeddingFigure(
                    main,
                    dim,
                    self._main(vectors.cut(dim)),
                    None if before is None else self._main(before.cut(dim)),
                )
                for dim in dims
            ),
            gain=None if was is None else _mean_differences(now, was)[0],
        )

    def compared(self, ours: Vectors, theirs: Vectors) -> tuple[Difference, ...]:
        """Paired differences of two models, the main figure's first."""
        return _mean_differences(self.ranked(ours), self.ranked(theirs))

    def ranked(self, vectors: Vectors, depth: int = DEPTH) -> ByQuery:
        """The figures of each query by itself, of so many documents of its ranking.

        Scores are computed in double precision and rounded to single: how many are computed at
        once changes none, and equal ones are equal.
        """
        names = [f"{place:09}" for place in range(len(self.second))]
        scores = {
            f"{number:09}": {names[d]: float(row[d]) for d in _best(row, depth)}
            for number, row in enumerate(self._scores(vectors))
        }
        judged = {
            f"{number:09}": {names[d]: 1 for d in own} for number, own in enumerate(self.relevant)
        }
        return by_query(scores, judged)

    def found(self, vectors: Vectors) -> tuple[Found, ...]:
        """What is found first for each query, and where the best of its own documents stands."""
        found = []
        for own, row in zip(self.relevant, self._scores(vectors), strict=True):
            best = min(own, key=lambda place: (-row[place], place))
            before = (row > row[best]) | ((row == row[best]) & (np.arange(len(row)) < best))
            first, there = int(row.argmax()), int((row > -np.inf).sum())
            found.append(Found(first, float(row[first]), best, 1 + int(before.sum()), there))
        return tuple(found)

    def _scores(self, vectors: Vectors) -> Iterator[F32]:
        """`(M,)` scores of the documents for each query; -inf for one that is not ranked."""
        vectors.check()
        documents = torch.from_numpy(vectors.second).double()
        same = {text: place for place, text in enumerate(self.second)}
        step = max(1, AT_ONCE // len(self.second))
        for begin in range(0, len(self.first), step):
            some = torch.from_numpy(vectors.first[begin : begin + step]).double()
            for place, row in enumerate(MEASURES[vectors.by](some, documents).float().numpy()):
                number = begin + place
                twin = same.get(self.first[number])
                if twin is not None and twin not in self.relevant[number]:
                    row[twin] = -np.inf
                yield row

    def _main(self, vectors: Vectors) -> Estimate:
        return RankingFigures.of_queries(self.ranked(vectors)).figures[0].mean


def _best(row: F32, depth: int) -> list[int]:
    """The first places by score, and all that are equal to the last of them."""
    least = np.partition(row, -depth)[-depth] if len(row) > depth else row.min()
    best: list[int] = np.flatnonzero((row >= least) & (row > -np.inf)).tolist()
    return best


def _mean_differences(ours: ByQuery, theirs: ByQuery) -> tuple[Difference, ...]:
    named: list[tuple[str, Wanted]] = [(name, "more") for name in ours.names]
    return mean_differences(named, ours.values, theirs.values)
