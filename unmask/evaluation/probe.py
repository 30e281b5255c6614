"""Frozen features under a linear classifier: what a model's vectors hold of some labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError, DataError

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
STRENGTH = 0.1  # inverse regularisation
FLAT = 1e-6  # of the widest spread of a number over the texts
DRAWN_ROWS = 202  # stream of Draws


@dataclass(frozen=True, slots=True)
class Probe:
    """Logistic regression on standardised vectors."""

    _steps: Any

    @classmethod
    def fit(
        cls,
        vectors: F32,
        labels: Sequence[str],
        *,
        strength: float = STRENGTH,
        weights: Literal["none", "balanced"] = "none",
        counts: Sequence[float] | None = None,
    ) -> Probe:
        """Learn from vectors `(N, E)` and their labels; the same data give the same probe.

        Args:
            vectors: `(N, E)`.
            labels: of the N vectors.
            strength: inverse regularisation, above 0.
            weights: "balanced" for as much weight to all rows of a label together, however many.
            counts: how many vectors each of the N stands for; None for one.

        Raises:
            DataError: less than two labels.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(found := set(labels)) < 2:
            raise DataError(f"a probe needs two or more labels to tell apart, not {sorted(found)}")
        scaler = StandardScaler().fit(vectors, sample_weight=counts)
        # What is the same for all texts but for rounding tells nothing, and divided by its spread
        # it would have weights beyond all measure.
        scaler.scale_[scaler.scale_ < FLAT * scaler.scale_.max()] = 1.0
        class_weight = None
        if weights == "balanced":
            # By what the vectors count for, which older versions of the library leave out.
            summed = dict.fromkeys(found, 0.0)
            for label, count in zip(labels, counts or [1.0] * len(labels), strict=True):
                summed[label] += count
            whole = sum(summed.values())
            class_weight = {name: whole / (len(found) * one) for name, one in summed.items()}
        regression = LogisticRegression(C=strength, max_iter=1000, class_weight=class_weight)
        regression.fit(scaler.transform(vectors), list(labels), sample_weight=counts)
        return cls(make_pipeline(scaler, regression))

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

    def layer(self, names: Sequence[str]) -> tuple[F64, F64]:
        """The same as a linear layer on the vectors as they come: `(C, E)` weights, `(C,)` biases.

        A softmax of its outputs gives the probabilities.

        Args:
            names: the C labels that were learnt from, in the order of the outputs.
        """
        scaler, regression = self._steps[0], self._steps[1]
        weight, bias = regression.coef_, regression.intercept_
        if len(names) == 2:  # one row, for the second of two labels
            weight, bias = np.concatenate((-weight, weight)) / 2, np.concatenate((-bias, bias)) / 2
        place = {str(label): number for number, label in enumerate(regression.classes_)}
        order = [place[name] for name in names]
        weight = weight[order] / scaler.scale_
        return weight, bias[order] - weight @ scaler.mean_

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
