"""Frozen features under a linear classifier: what a model's vectors hold of some labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError, DataError

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
STRENGTH = 0.1  # inverse regularisation
DRAWN_ROWS = 202  # stream of Draws


@dataclass(frozen=True, slots=True)
class Probe:
    """Logistic regression on standardised vectors."""

    _steps: Any

    @classmethod
    def fit(cls, vectors: F32, labels: Sequence[str], *, strength: float = STRENGTH) -> Probe:
        """Learn from vectors `(N, E)` and their labels; the same data give the same probe.

        Args:
            vectors: `(N, E)`.
            labels: of the N vectors.
            strength: inverse regularisation, above 0.

        Raises:
            DataError: less than two labels.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(found := set(labels)) < 2:
            raise DataError(f"a probe needs two or more labels to tell apart, not {sorted(found)}")
        steps = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        return cls(steps.fit(vectors, list(labels)))

    def predict(self, vectors: F32) -> list[str]:
        """The most probable label of each vector `(N, E)`."""
        return [str(label) for label in self._steps.predict(vectors)] if len(vectors) else []

    @property
    def labels(self) -> tuple[str, ...]:
        """The C labels that it tells, in the order of its probabilities."""
        return tuple(str(label) for label in self._steps.classes_)

    def probabilities(self, vectors: F32) -> F64:
        """`(N, C)` the probability of each label for vectors `(N, E)`."""
        found: F64 = self._steps.predict_proba(vectors)
        return found

    def accuracy(self, vectors: F32, labels: Sequence[str]) -> float:
        """The share of vectors `(N, E)` whose label is found."""
        return float(np.mean(np.array(self.predict(vectors)) == np.array(labels)))


def draws_of(labels: Sequence[str], per_label: int, seeds: int) -> Iterator[list[int]]:
    """Rows of each label by chance, others for every seed.

    Args:
        labels: of all rows.
        per_label: rows of each label.
        seeds: how often to draw, by the numbers from 0.

    Raises:
        ConfigError: less than one row or seed.
        DataError: a label has fewer rows.
    """
    if per_label < 1 or seeds < 1:
        raise ConfigError(
            f"rows of a label and seeds must be at least 1, not {per_label} and {seeds}"
        )
    rows = {name: [i for i, one in enumerate(labels) if one == name] for name in sorted({*labels})}
    if few := {name: len(found) for name, found in rows.items() if len(found) < per_label}:
        name, count = min(few.items(), key=lambda item: item[1])
        raise DataError(
            f"{per_label} rows of each label are to be drawn, but {name!r} has only {count}; "
            f"ask for {count} or fewer, or add rows"
        )
    for seed in range(seeds):
        yield [
            found[place]
            for number, found in enumerate(rows.values())
            for place in Draws(seed, number).permutation(len(found), DRAWN_ROWS)[:per_label]
        ]
