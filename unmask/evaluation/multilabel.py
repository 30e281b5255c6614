"""Texts that have any number of labels: F1 of three kinds and subset accuracy, with intervals.

R resamples, N rows, C labels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, f1_score

from unmask.errors import DataError
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Difference,
    Estimate,
    Wanted,
    differences,
    resample,
)
from unmask.evaluation.classification import LabelFigures
from unmask.evaluation.told import macro_f1


@dataclass(frozen=True, slots=True)
class MultiLabelFigures:
    """How well labels are told on rows that may have several, or none.

    Attributes:
        rows: N.
        empty: rows that have no label in truth.
        subset_accuracy: share of the rows whose labels are all right, and none is missing.
        micro_f1: F1 over all decisions together, so that a frequent label counts more.
        macro_f1: mean F1 of the labels that occur in truth or among the guesses.
        samples_f1: mean F1 of the rows; a row that rightly has no label counts 1.
        labels: by label, in the model's order.
    """

    rows: int
    empty: int
    subset_accuracy: Estimate
    micro_f1: Estimate
    macro_f1: Estimate
    samples_f1: Estimate
    labels: tuple[LabelFigures, ...]

    @classmethod
    def of(
        cls,
        truth: Sequence[Collection[str]],
        guesses: Sequence[Collection[str]],
        labels: Sequence[str],
        *,
        resamples: int = RESAMPLES,
    ) -> MultiLabelFigures:
        """Figures of guesses.

        Args:
            truth, guesses: N collections of labels, each may be empty.
            labels: all C of them.
            resamples: of the bootstrap.

        Raises:
            DataError: there are no rows, not as many guesses as rows, or a label is unknown.
        """
        true, guessed = _matrices(truth, guesses, labels)
        resampled = resample(_Sets.of(true, guessed), len(truth), resamples=resamples)
        each = LabelFigures.each(true, guessed, labels, resamples)
        occurs = np.flatnonzero(np.asarray(true.sum(0) + guessed.sum(0)).ravel())
        values = (
            accuracy_score(true, guessed),
            f1_score(true, guessed, average="micro", zero_division=0.0),
            np.mean([each[place].f1 for place in occurs]) if len(occurs) else 0.0,
            f1_score(true, guessed, average="samples", zero_division=1.0),
        )
        subset, micro, macro, samples = (
            Estimate.of(float(value), resampled[:, place]) for place, value in enumerate(values)
        )
        return cls(
            rows=len(truth),
            empty=sum(not row for row in truth),
            subset_accuracy=subset,
            micro_f1=micro,
            macro_f1=macro,
            samples_f1=samples,
            labels=each,
        )

    def in_words(self) -> dict[str, str]:
        """The main figures by name, for people."""
        empty = {"rows without a label": f"{self.empty:,}"} if self.empty else {}
        return {
            "rows": f"{self.rows:,}",
            **empty,
            "subset accuracy": str(self.subset_accuracy),
            "micro F1": str(self.micro_f1),
            "macro F1": str(self.macro_f1),
            "samples F1": str(self.samples_f1),
        }


def compare_label_sets(
    truth: Sequence[Collection[str]],
    first: Sequence[Collection[str]],
    second: Sequence[Collection[str]],
    labels: Sequence[str],
    *,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Paired differences of two models that labelled the same rows.

    Raises:
        DataError: as `MultiLabelFigures.of`.
    """
    one, other = (_Sets.of(*_matrices(truth, guesses, labels)) for guesses in (first, second))
    return differences(_Sets.NAMED, one, other, len(truth), resamples=resamples)


@dataclass(frozen=True, slots=True)
class _Sets:
    """The figures for weights of the rows.

    Attributes:
        right, true, guessed: `(N, C)` sparse, 1 where a label is given rightly, is true, is given;
            of the labels that occur.
        exact, samples: `(N,)` whether a row is wholly right, and its F1.
    """

    right: Any
    true: Any
    guessed: Any
    exact: F64
    samples: F64

    NAMED: ClassVar[tuple[tuple[str, Wanted], ...]] = (
        ("subset accuracy", "more"),
        ("micro F1", "more"),
        ("macro F1", "more"),
        ("samples F1", "more"),
    )

    @classmethod
    def of(cls, true: Any, guessed: Any) -> _Sets:
        occurs = np.flatnonzero(np.asarray(true.sum(0) + guessed.sum(0)).ravel())
        true, guessed = true[:, occurs], guessed[:, occurs]
        right = true.multiply(guessed).tocsr()
        hits = np.asarray(right.sum(1), dtype=np.float64).ravel()
        either = np.asarray(true.sum(1) + guessed.sum(1), dtype=np.float64).ravel()
        samples = np.divide(2 * hits, either, out=np.ones_like(either), where=either > 0)
        return cls(right, true, guessed, (2 * hits == either).astype(np.float64), samples)

    def __call__(self, weights: F64) -> F64:
        """`(R, N)` weights to `(R, 4)` figures, in the order of `NAMED`."""
        # A sparse matrix is multiplied from the left, so all is turned over.
        by_label = (self.right, self.true, self.guessed)
        right, true, guessed = (np.asarray((one.T @ weights.T).T) for one in by_label)
        rows, either = weights.sum(1), (true + guessed).sum(1)
        micro = np.divide(2 * right.sum(1), either, out=np.zeros_like(either), where=either > 0)
        return np.stack(
            [
                weights @ self.exact / rows,
                micro,
                macro_f1(right, true, guessed),
                weights @ self.samples / rows,
            ],
            axis=1,
        )


def _matrices(
    truth: Sequence[Collection[str]], guesses: Sequence[Collection[str]], labels: Sequence[str]
) -> tuple[Any, Any]:
    """Truth and guesses as sparse matrices over the labels."""
    if len(truth) != len(guesses) or not len(truth):
        raise DataError(
            "evaluation needs rows and guesses for each, but has "
            f"{len(truth)} rows and {len(guesses)} guesses"
        )
    return _matrix(truth, labels), _matrix(guesses, labels)


def _matrix(rows: Sequence[Collection[str]], labels: Sequence[str]) -> Any:
    number = {label: place for place, label in enumerate(labels)}
    sets = [set(row) for row in rows]
    if unknown := sorted({name for row in sets for name in row if name not in number}):
        raise DataError(
            f"labels must be among {', '.join(map(repr, labels))}, but there are also "
            f"{', '.join(map(repr, unknown))}"
        )
    columns = [sorted(number[name] for name in row) for row in sets]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.array([place for row in columns for place in row], dtype=np.int64)
    return csr_array((np.ones(len(flat)), flat, ends), shape=(len(rows), len(labels)))
