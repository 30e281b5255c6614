"""How well labels are told: accuracy, F1 and confusion, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from unmask.errors import DataError

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Counts = npt.NDArray[Any]

RESAMPLES = 1000
LEVEL = 0.95
SEED = 1979  # any fixed number will do; this one is the year of Efron's paper


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies in 95 % of the resamples.

    Attributes:
        low, high: its ends.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How well one label is told.

    Attributes:
        label: its name.
        rows: how many rows have it in truth.
        precision: share of the guesses of it that are right; 0 where it was never guessed.
        recall: share of its rows that were found; 0 where it has none.
        f1: their harmonic mean.
    """

    label: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ClassificationFigures:
    """How well labels are told on some rows.

    Attributes:
        rows: N.
        accuracy: share of the rows whose guess is right.
        accuracy_interval: by bootstrap over the rows.
        macro_f1: mean F1 of the labels that occur in truth or among the guesses.
        macro_f1_interval: by bootstrap over the rows.
        micro_f1: F1 over all decisions together; with one label a row it equals the accuracy.
        labels: by label, in the model's order.
        confusion: `confusion[truth][guess]` rows, in that order.
    """

    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    micro_f1: float
    labels: tuple[LabelFigures, ...]
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls,
        truth: Sequence[str],
        guesses: Sequence[str],
        labels: Sequence[str],
        *,
        resamples: int = RESAMPLES,
    ) -> ClassificationFigures:
        """Figures of guesses.

        Args:
            truth: N labels.
            guesses: N labels.
            labels: all C of them, in the order of the tables.
            resamples: of the bootstrap (Efron 1979).

        Raises:
            DataError: there are no rows, not as many guesses as rows, or a label is unknown.
        """
        true, guessed = _numbers(truth, labels), _numbers(guesses, labels)
        if len(true) != len(guessed) or not len(true):
            raise DataError(
                "evaluation needs rows and a guess for each, but has "
                f"{len(true)} rows and {len(guessed)} guesses"
            )
        every = np.arange(len(labels))
        precision, recall, f1, rows = precision_recall_fscore_support(
            true, guessed, labels=every, zero_division=0.0
        )
        occurs = np.union1d(true, guessed)
        micro = precision_recall_fscore_support(
            true, guessed, labels=every, average="micro", zero_division=0.0
        )[2]
        accuracies, macros = _resampled(true, guessed, len(labels), resamples)
        return cls(
            rows=len(true),
            accuracy=float(accuracy_score(true, guessed)),
            accuracy_interval=_interval(accuracies),
            macro_f1=float(f1[occurs].mean()),
            macro_f1_interval=_interval(macros),
            micro_f1=float(micro),
            labels=tuple(
                LabelFigures(name, int(n), float(p), float(r), float(f))
                for name, n, p, r, f in zip(labels, rows, precision, recall, f1, strict=True)
            ),
            confusion=tuple(
                tuple(int(count) for count in row)
                for row in confusion_matrix(true, guessed, labels=every)
            ),
        )

    def in_words(self) -> dict[str, str]:
        """The main figures by name, for people."""
        return {
            "rows": f"{self.rows:,}",
            "accuracy": f"{self.accuracy:.3f} (95 %: {self.accuracy_interval})",
            "macro F1": f"{self.macro_f1:.3f} (95 %: {self.macro_f1_interval})",
        }


def _numbers(names: Sequence[str], labels: Sequence[str]) -> I64:
    number = {label: index for index, label in enumerate(labels)}
    if unknown := sorted({name for name in names if name not in number}):
        raise DataError(
            f"labels must be among {', '.join(map(repr, labels))}, but there are also "
            f"{', '.join(map(repr, unknown))}"
        )
    return np.array([number[name] for name in names], dtype=np.int64)


def _resampled(true: I64, guessed: I64, labels: int, resamples: int) -> tuple[F64, F64]:
    """Accuracy and macro F1 of each resample.

    Rows that share truth and guess are alike, so a resample of N rows is one draw of counts for
    the occupied cells of the confusion matrix.
    """
    cells, counts = np.unique(true * labels + guessed, return_counts=True)
    rows, columns = cells // labels, cells % labels
    generator = np.random.default_rng(SEED)
    accuracies, macros = np.empty(resamples), np.empty(resamples)
    for index in range(resamples):
        drawn = generator.multinomial(len(true), counts / len(true))
        right = np.bincount(rows, drawn * (rows == columns), labels)
        accuracies[index] = right.sum() / len(true)
        macros[index] = macro_f1(
            right, np.bincount(rows, drawn, labels), np.bincount(columns, drawn, labels)
        )
    return accuracies, macros


def macro_f1(right: Counts, true: Counts, guessed: Counts) -> float:
    """Mean F1 of the labels that occur.

    Args:
        right: `(C,)` rows by label whose guess is right.
        true: `(C,)` rows that have the label.
        guessed: `(C,)` rows guessed to have it.
    """
    occurs = true + guessed > 0
    return float((2 * right[occurs] / (true + guessed)[occurs]).mean())


def _interval(values: F64) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
