"""How well labels are told: accuracy, F1, Matthews correlation, confusion, calibration.

Figures are scikit-learn's; their resamples are computed from sums of weights (`unmask.evaluation.
bootstrap`), which a test holds to scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    matthews_corrcoef,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from unmask.errors import DataError
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Counts,
    Difference,
    Estimate,
    Interval,
    differences,
    interval,
    resample,
)
from unmask.evaluation.confidence import Confidence, ConfidenceFigures, Shares
from unmask.evaluation.per_class import PerClassFigures, class_intervals
from unmask.evaluation.told import Told

MOST_SHOWN = 500  # labels of a confusion matrix
MOST_CONFUSED = 20
# What a row in each of scikit-learn's four cells of a label has: found rightly, found, there.
_CELLS = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures(PerClassFigures):
    """How well one label is told.

    Attributes:
        rows: how many rows have it in truth.
    """

    rows: int

    @classmethod
    def each(
        cls, true: Any, guessed: Any, names: Sequence[str], resamples: int
    ) -> tuple[LabelFigures, ...]:
        """Those of C labels, in their order.

        Args:
            true, guessed: `(N,)` numbers of labels, or `(N, C)` of 0 and 1, which may be sparse.
            names: of the labels.
            resamples: of the bootstrap.
        """
        every = np.arange(len(names))
        figures = precision_recall_fscore_support(
            true, guessed, labels=every, average=None, zero_division=0.0
        )
        cells = multilabel_confusion_matrix(true, guessed, labels=every).reshape(-1, 4)
        return tuple(
            cls(
                label=name,
                rows=int(n),
                precision=float(p),
                recall=float(r),
                f1=float(f),
                **class_intervals(_CELLS, own, resamples) if own[1:].any() else {},
            )
            for name, p, r, f, n, own in zip(names, *figures, cells, strict=True)
        )

    def __str__(self) -> str:
        return self.in_words(self.rows, "rows")


@dataclass(frozen=True, slots=True)
class Confused:
    """A label that was taken for another.

    Attributes:
        truth, guess: the labels.
        rows: how often.
    """

    truth: str
    guess: str
    rows: int


@dataclass(frozen=True, slots=True)
class ClassificationFigures:
    """How well labels are told on some rows.

    Attributes:
        rows: N.
        accuracy: share of the rows whose guess is right.
        accuracy_interval: by bootstrap over the rows.
        macro_f1: mean F1 of the labels that occur in truth or among the guesses.
        macro_f1_interval: by bootstrap over the rows.
        micro_f1: F1 over all decisions together; with one label a row it equals the accuracy, and
            so does its interval.
        labels: by label, in the model's order.
        confusion: `confusion[truth][guess]` rows, in that order; empty above 500 labels, where it
            would be millions of zeros.
        confused: which labels are taken for which, most frequent first, 20 at most.
        matthews: Matthews correlation of truth and guesses, from -1 to 1, for many labels as
            Gorodkin (2004) has it; 0 where either is always the same label. None in results that
            were stored before it was measured.
        confidence: how far the probabilities can be relied on; None where they were not given.
    """

    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    micro_f1: float
    labels: tuple[LabelFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[Confused, ...] = ()
    matthews: Estimate | None = None
    confidence: ConfidenceFigures | None = None

    @classmethod
    def of(
        cls,
        truth: Sequence[str],
        guesses: Sequence[str],
        labels: Sequence[str],
        *,
        probabilities: F64 | Shares | None = None,
        resamples: int = RESAMPLES,
    ) -> ClassificationFigures:
        """Figures of guesses.

        Args:
            truth: N labels.
            guesses: N labels.
            labels: all C of them, in the order of the tables.
            probabilities: `(N, C)` of each label in each row, which sum to 1; or those of guess and
                truth alone.
            resamples: of the bootstrap (Efron 1979).

        Raises:
            DataError: there are no rows, not as many guesses as rows, a label is unknown, or the
                probabilities are none.
        """
        true, guessed = numbers_of(truth, guesses, labels)
        every = np.arange(len(labels))
        each = LabelFigures.each(true, guessed, labels, resamples)
        occurs = np.union1d(true, guessed)
        micro = precision_recall_fscore_support(
            true, guessed, labels=every, average="micro", zero_division=0.0
        )[2]
        told, counts = Told.grouped(true, guessed)
        resampled = resample(told, counts, resamples=resamples)
        return cls(
            rows=len(true),
            accuracy=float(accuracy_score(true, guessed)),
            accuracy_interval=interval(resampled[:, 0]),
            macro_f1=float(np.mean([each[place].f1 for place in occurs])),
            macro_f1_interval=interval(resampled[:, 1]),
            micro_f1=float(micro),
            labels=each,
            confusion=_confusion(true, guessed, len(labels)),
            confused=_confused(told, counts, labels),
            matthews=Estimate.of(
                float(matthews_corrcoef(true, guessed)) if len(occurs) > 1 else 0.0,
                resampled[:, 2],
            ),
            confidence=None
            if probabilities is None
            else ConfidenceFigures.of(
                true == guessed, _shares(true, guessed, probabilities, len(labels)), resamples
            ),
        )

    @property
    def micro_f1_interval(self) -> Interval:
        """With one label a row, that of the accuracy."""
        return self.accuracy_interval

    def in_words(self) -> dict[str, str]:
        """The main figures by name, for people."""
        return {
            "rows": f"{self.rows:,}{self._all_right}",
            "accuracy": f"{self.accuracy:.3f} (95 %: {self.accuracy_interval})",
            "macro F1": f"{self.macro_f1:.3f} (95 %: {self.macro_f1_interval})",
            **({} if self.matthews is None else {"Matthews correlation": str(self.matthews)}),
            **({} if self.confidence is None else self.confidence.in_words()),
        }

    @property
    def _all_right(self) -> str:
        """What so many rows tell that are all right; their resamples are all right too.

        The lower end of Clopper and Pearson's exact interval (1934): a model that is right for this
        share is right for all of so many rows once in forty times.
        """
        if self.accuracy < 1.0:
            return ""
        least = 0.025 ** (1.0 / self.rows)
        return f", all right; so many tell an accuracy of {least:.3f} or more, with 95 % confidence"


def _confusion(true: Counts, guessed: Counts, labels: int) -> tuple[tuple[int, ...], ...]:
    if labels > MOST_SHOWN:
        return ()
    matrix = confusion_matrix(true, guessed, labels=np.arange(labels))
    return tuple(tuple(row) for row in matrix.tolist())


def _confused(told: Told, counts: Counts, labels: Sequence[str]) -> tuple[Confused, ...]:
    """From the occupied cells of the confusion matrix; equal counts stand in the labels' order."""
    wrong = told.true != told.guessed
    cells = zip(told.true[wrong], told.guessed[wrong], counts[wrong], strict=True)
    most = sorted(cells, key=lambda cell: -int(cell[2]))[:MOST_CONFUSED]
    name = [labels[place] for place in told.occurring]
    return tuple(Confused(name[truth], name[guess], int(rows)) for truth, guess, rows in most)


def compare_labels(
    truth: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    labels: Sequence[str],
    *,
    probabilities: tuple[F64 | Shares, F64 | Shares] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Paired differences of two models that labelled the same rows.

    Args:
        truth: N labels.
        first, second: N guesses of each.
        labels: all C of them.
        probabilities: of each model, as in `ClassificationFigures.of`; adds the log loss and the
            calibration error.
        resamples: of the bootstrap.

    Raises:
        DataError: as `ClassificationFigures.of`.
    """
    sides = []
    for place, guesses in enumerate((first, second)):
        true, guessed = numbers_of(truth, guesses, labels)
        parts: list[Told | Confidence] = [Told(true, guessed)]
        if probabilities is not None:
            shares = _shares(true, guessed, probabilities[place], len(labels))
            parts.append(Confidence.of(true == guessed, shares))
        sides.append(parts)

    def figures(parts: list[Told | Confidence], weights: F64) -> F64:
        return np.concatenate([part(weights) for part in parts], axis=1)

    named = Told.NAMED if probabilities is None else (*Told.NAMED, *Confidence.NAMED)
    return differences(
        named,
        lambda weights: figures(sides[0], weights),
        lambda weights: figures(sides[1], weights),
        len(truth),
        resamples=resamples,
    )


def _shares(true: Counts, guessed: Counts, probabilities: F64 | Shares, labels: int) -> Shares:
    if isinstance(probabilities, Shares):
        return probabilities
    return Shares.of(true, guessed, probabilities, labels)


def numbers_of(
    truth: Sequence[str], guesses: Sequence[str], labels: Sequence[str]
) -> tuple[Counts, Counts]:
    """`(N,)` numbers of the labels in truth and of the guesses.

    Raises:
        DataError: there are no rows, not as many guesses as rows, or a label is unknown.
    """
    if len(truth) != len(guesses) or not len(truth):
        raise DataError(
            "evaluation needs rows and a guess for each, but has "
            f"{len(truth)} rows and {len(guesses)} guesses"
        )
    return _numbers(truth, labels), _numbers(guesses, labels)


def _numbers(names: Sequence[str], labels: Sequence[str]) -> Counts:
    number = {label: index for index, label in enumerate(labels)}
    if unknown := sorted({name for name in names if name not in number}):
        raise DataError(
            f"labels must be among {', '.join(map(repr, labels))}, but there are also "
            f"{', '.join(map(repr, unknown))}"
        )
    return np.array([number[name] for name in names], dtype=np.int64)
