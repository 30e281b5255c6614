"""Pairs of texts put in order of their grades by how alike their vectors are.

Shapes: N pairs, E width of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unmask.evaluation.bootstrap import F64, RESAMPLES, Difference, Estimate
from unmask.evaluation.embedding import EmbeddingFigure, EmbeddingFigures, Vectors
from unmask.evaluation.regression import RegressionFigures, compare_numbers
from unmask.pipelines.similarity import MEASURES
from unmask.text.related import RelatedRow

MAIN = "Spearman"


@dataclass(frozen=True, slots=True)
class Graded:
    """Pairs of texts with their grades.

    Attributes:
        first, second: the N texts of each side.
        grades: `(N,)`.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    grades: F64

    @classmethod
    def of(cls, rows: Sequence[RelatedRow]) -> Graded:
        """All rows."""
        grades = np.array([row.grade for row in rows])
        return cls(tuple(row.query for row in rows), tuple(row.document for row in rows), grades)

    def quick(self, vectors: Vectors) -> dict[str, float]:
        """A few figures, for the course of training; an undefined one is 0."""
        found = self._found(vectors, resamples=1)
        return {name: one.value or 0.0 for name, one in found.items()}

    def figures(
        self, vectors: Vectors, before: Vectors | None = None, dims: Sequence[int] = ()
    ) -> EmbeddingFigures:
        """All of them; the arguments are those of `Search.figures`."""
        now, width = self._found(vectors), vectors.first.shape[1]
        was: Mapping[str, Estimate] = {} if before is None else self._found(before)
        cuts = [
            (dim, vectors.cut(dim), None if before is None else before.cut(dim)) for dim in dims
        ]
        gained = () if before is None else self.compared(vectors, before)
        return EmbeddingFigures(
            queries=None,
            documents=None,
            pairs=len(self.grades),
            figures=tuple(EmbeddingFigure(n, width, one, was.get(n)) for n, one in now.items()),
            cut=tuple(
                EmbeddingFigure(
                    MAIN,
                    dim,
                    self._found(own)[MAIN],
                    None if old is None else self._found(old)[MAIN],
                )
                for dim, own, old in cuts
            ),
            gain=gained[0] if gained else None,
        )

    def compared(self, ours: Vectors, theirs: Vectors) -> tuple[Difference, ...]:
        """Paired differences of two models, the main figure's first."""
        found = compare_numbers(self.grades, self.alike(ours), self.alike(theirs))
        wanted = [MAIN, "Pearson"]
        return tuple(
            sorted((o for o in found if o.figure in wanted), key=lambda o: wanted.index(o.figure))
        )

    def alike(self, vectors: Vectors) -> F64:
        """`(N,)` how alike the two texts of each pair are."""
        vectors.check()
        sides = (torch.from_numpy(one).double() for one in (vectors.first, vectors.second))
        measure = MEASURES[vectors.by]
        pairs = zip(*(side[:, None] for side in sides), strict=True)
        return np.array([measure(one, other).item() for one, other in pairs])

    def _found(self, vectors: Vectors, resamples: int = RESAMPLES) -> dict[str, Estimate]:
        found = RegressionFigures.of(self.grades, self.alike(vectors), resamples=resamples)
        (numbers,) = found.numbers
        return {MAIN: numbers.spearman, "Pearson": numbers.pearson}
