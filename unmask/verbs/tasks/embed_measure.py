"""Dev rows to measure an embedding model with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from unmask.batches.sequences import OnLong
from unmask.checkpoint.sentence import SentenceModel
from unmask.evaluation.embedding import EmbeddingFigures, Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.heads.sentence import EmbeddingModel
from unmask.pipelines.embed import Embedder
from unmask.verbs.text_vectors import vectors_of


class Measure:
    """What is asked of a model on the dev rows, beside what it answered before it was trained."""

    def __init__(
        self, model: SentenceModel, asked: Search | Graded, on_long: OnLong, dims: Sequence[int]
    ) -> None:
        """Use it for the model that is trained.

        Args:
            model: it, with the prompts that it is trained with.
            asked: what is asked.
            on_long: what happens to a text longer than the model takes.
            dims: also measure the vectors' first so many numbers.
        """
        self.model, self.asked, self.on_long, self.dims = model, asked, on_long, dims
        self.truncated = 0
        self._before: Vectors | None = None

    def begin(self, model: SentenceModel) -> None:
        """Measure the model that is trained from, with its own prompts."""
        read = vectors_of(Embedder(model), self.asked, self.on_long)
        self._before, self.truncated = read.vectors, read.truncated

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Of queries nDCG@10, MRR@10 and recall@10; of graded pairs the correlations."""
        return self.asked.quick(self._vectors(model))

    def figures(self, model: nn.Module) -> EmbeddingFigures:
        """All figures, with intervals, beside those of the model that it was trained from."""
        return self.asked.figures(self._vectors(model), self._before, self.dims)

    def _vectors(self, model: nn.Module) -> Vectors:
        assert isinstance(model, EmbeddingModel)
        encoder = replace(self.model.encoder, model=model.encoder)
        trained = replace(self.model, encoder=encoder, head=model.head)
        read = vectors_of(Embedder(trained), self.asked, self.on_long)
        self.truncated = read.truncated
        return read.vectors
