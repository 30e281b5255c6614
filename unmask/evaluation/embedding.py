"""What vectors of texts are worth: documents found for queries, and pairs put in order of grades.

`search` and `graded_pairs` measure; here is what comes of it. Shapes: E width of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unmask.checkpoint.sentence_schema import Similarity
from unmask.errors import DataError
from unmask.evaluation.bootstrap import Difference, Estimate
from unmask.pipelines.running import F32


@dataclass(frozen=True, slots=True)
class Vectors:
    """A model's vectors of what is measured.

    Attributes:
        first: `(Q, E)` of queries, or `(N, E)` of first texts.
        second: `(M, E)` of documents, or `(N, E)` of second texts.
        by: how they are compared.
    """

    first: F32
    second: F32
    by: Similarity

    def cut(self, dim: int) -> Vectors:
        """Their first so many numbers."""
        return replace(self, first=self.first[:, :dim], second=self.second[:, :dim])

    def check(self) -> None:
        """Refuse vectors that are none.

        Raises:
            DataError: one holds NaN or infinity.
        """
        if not (np.isfinite(self.first).all() and np.isfinite(self.second).all()):
            raise DataError(
                "vectors must be finite numbers, but some are not; the model is broken: train it "
                "with a lower learning rate"
            )


@dataclass(frozen=True, slots=True)
class EmbeddingFigure:
    """A figure, and what it was before.

    Attributes:
        name: "nDCG@10", "MRR@10", "MAP", "recall@1" and so on; "Spearman" or "Pearson".
        dimension: numbers of a vector that it was measured with.
        value: of the model.
        before: of the model that it was trained from; None where there is none.
    """

    name: str
    dimension: int
    value: Estimate
    before: Estimate | None = None

    def __str__(self) -> str:
        if self.before is None:
            return str(self.value)
        was = "undefined" if self.before.value is None else f"{self.before.value:.3f}"
        return f"{self.value}, before {was}"


@dataclass(frozen=True, slots=True)
class EmbeddingFigures:
    """What a model's vectors are worth.

    Attributes:
        queries: how many; of graded pairs None.
        documents: among which the queries' own are looked for; of graded pairs None.
        pairs: graded ones; None of queries.
        figures: the main one first.
        cut: the main figure of vectors of fewer numbers.
        gain: of the main figure over the model before, on the same rows; None without one.
    """

    queries: int | None
    documents: int | None
    pairs: int | None
    figures: tuple[EmbeddingFigure, ...]
    cut: tuple[EmbeddingFigure, ...] = ()
    gain: Difference | None = None

    def __getitem__(self, name: str) -> Estimate:
        """A figure of whole vectors by its name; raises KeyError where there is none."""
        return {one.name: one.value for one in self.figures}[name]

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        counts = {"queries": self.queries, "documents": self.documents, "pairs": self.pairs}
        said = {name: f"{count:,}" for name, count in counts.items() if count is not None}
        said |= {one.name: str(one) for one in self.figures}
        said |= {f"{one.name} of {one.dimension} numbers": str(one) for one in self.cut}
        if self.gain is not None:
            said[f"{self.gain.figure} gained"] = self.gain.in_words()
        return said
