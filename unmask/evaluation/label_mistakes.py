"""Rows whose label is likely a mistake: a linear model that has not seen a row says another.

Each row is judged by a model that was fitted on other folds of the rows (out of fold), on frozen
vectors. Confident learning (Northcutt et al. 2021) then takes for a mistake what the model is sure
of: a label counts as sure where its probability is at least the mean of those rows that have it
(or `SURE`, where that is less), and a row is suspect where the surest such label is not its own.
Where a model is about as sure of all rows, half of the mistakes would lie below that mean by
chance, so a row is suspect too where its own label is far below (`FAR_BELOW`) and another is the
likeliest. Numbers are suspect where the residual is far out for the rest (Iglewicz and Hoaglin
1993).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import DataError
from unmask.evaluation.probe import F32, F64, Probe

FOLDS = 5
FOLD_STREAM = 902  # stream of Draws
# Inverse regularisation; docs/log.md has what 0.1 and 0.001 find of labels changed on purpose.
STRENGTH = 0.01
# Where a model is sure of nearly all rows, the mean would let the doubtful mistakes pass.
SURE = 0.7
FAR_BELOW = 0.5  # of the mean of the rows that have the label
FAR = 3.5  # of a modified z-score
RIDGE = 100.0  # weight of the penalty, on standardised vectors
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is likely a mistake.

    Attributes:
        row: its number among those judged, from 0.
        given: what its label is.
        suggested: what it likely should be.
        given_score, suggested_score: their probabilities, out of fold; of numbers, the number and
            the one that was expected.
    """

    row: int
    given: str
    suggested: str
    given_score: float
    suggested_score: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What models on frozen vectors say of rows that they have not seen.

    Attributes:
        rows: how many were judged.
        suspects: the likely mistakes, the likeliest first.
        score: how good the models are out of fold: macro F1 of labels, R² of numbers.
        measure: which of the two.
        accuracy: share of rows whose label they find; None of numbers.
        few: labels with too few rows to be judged.
    """

    rows: int
    suspects: tuple[Suspect, ...]
    score: float
    measure: str
    accuracy: float | None = None
    few: tuple[str, ...] = ()


def judge_labels(
    vectors: F32, labels: Sequence[str], texts: Sequence[Hashable], *, seed: int = 0
) -> Judged:
    """Rows of one label each.

    Args:
        vectors: `(N, E)`.
        labels: of the N rows.
        texts: of the N rows; those of one text are always in one fold.
        seed: of the folds.

    Raises:
        DataError: less than two labels have a row for every fold.
    """
    counts = Counter(labels)
    few = tuple(sorted(label for label, count in counts.items() if count < FOLDS))
    kept = np.array([row for row, label in enumerate(labels) if label not in set(few)], np.int64)
    names = sorted({labels[row] for row in kept})
    if len(names) < 2:
        raise DataError(
            f"judging labels needs two of them with {FOLDS} rows or more, but only {names} have; "
            "add rows"
        )
    own, asked = [labels[row] for row in kept], [texts[row] for row in kept]
    told = out_of_fold(vectors[kept], own, asked, seed=seed)
    number = {name: place for place, name in enumerate(names)}
    truth = np.array([number[label] for label in own])
    found = confident(told, truth)
    suspects = tuple(
        Suspect(
            row=int(kept[row]),
            given=names[truth[row]],
            suggested=names[other],
            given_score=float(told[row, truth[row]]),
            suggested_score=float(told[row, other]),
        )
        for row, other in found
    )
    from sklearn.metrics import f1_score

    guesses = told.argmax(1)
    return Judged(
        rows=len(kept),
        suspects=suspects,
        score=float(f1_score(truth, guesses, average="macro")),
        measure="macro F1",
        accuracy=float((guesses == truth).mean()),
        few=few,
    )


def judge_sets(
    vectors: F32, rows: Sequence[Sequence[str]], texts: Sequence[Hashable], *, seed: int = 0
) -> Judged:
    """Rows of any number of labels: each label by itself, as one that is there or is not.

    The arguments and errors are as in `judge_labels`.
    """
    counts = Counter(name for names in rows for name in names)
    names = sorted(n for n, count in counts.items() if FOLDS <= count <= len(rows) - FOLDS)
    few = tuple(sorted(set(counts) - set(names)))
    if not names:
        raise DataError(
            f"judging labels needs one with {FOLDS} rows that have it and as many that lack it, "
            "but there is none; add rows"
        )
    suspects, scores, right = [], [], []
    for name in names:
        has = ["yes" if name in own else "no" for own in rows]
        judged = judge_labels(vectors, has, texts, seed=seed)
        scores.append(judged.score)
        right.append(judged.accuracy or 0.0)
        suspects += [
            Suspect(
                one.row,
                f"with {name}" if one.given == "yes" else f"without {name}",
                f"without {name}" if one.given == "yes" else f"with {name}",
                one.given_score,
                one.suggested_score,
            )
            for one in judged.suspects
        ]
    suspects.sort(key=lambda one: (one.given_score, one.row))
    mean = float(np.mean(scores))
    return Judged(len(rows), tuple(suspects), mean, "macro F1", float(np.mean(right)), few)


def judge_numbers(
    vectors: F32, numbers: F64, texts: Sequence[Hashable], *, seed: int = 0
) -> Judged:
    """Rows of one number each, told by ridge regression.

    Args:
        vectors: `(N, E)`.
        numbers: `(N,)`.
        texts, seed: as in `judge_labels`.

    Raises:
        DataError: fewer rows than folds.
    """
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(numbers) < 2 * FOLDS:
        raise DataError(
            f"judging numbers needs {2 * FOLDS} rows or more, not {len(numbers)}; add rows"
        )
    folds = folds_of(["number"] * len(numbers), texts, seed)
    told = np.full(len(numbers), float(numbers.mean()))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and (~held).sum() > 1:
            steps = make_pipeline(StandardScaler(), Ridge(alpha=RIDGE))
            told[held] = steps.fit(vectors[~held], numbers[~held]).predict(vectors[held])
    away = numbers - told
    centred = away - np.median(away)
    spread = 1.4826 * float(np.median(np.abs(centred)))
    far = np.abs(centred) / spread if spread > 0 else np.zeros(len(numbers))
    suspects = tuple(
        Suspect(row, f"{numbers[row]:g}", f"{told[row]:.3g}", float(numbers[row]), float(told[row]))
        for row in np.argsort(-far, kind="stable").tolist()
        if far[row] > FAR
    )
    return Judged(len(numbers), suspects, float(r2_score(numbers, told)), "R²")


def out_of_fold(
    vectors: F32, labels: Sequence[str], texts: Sequence[Hashable], *, seed: int = 0
) -> F64:
    """`(N, C)` each row's probabilities by a model that has not seen it, labels in sorted order.

    Args:
        vectors: `(N, E)`.
        labels: of the N rows; of each, so many that every fold's training rows have some.
        texts: as in `judge_labels`.
        seed: of the folds.
    """
    names = sorted(set(labels))
    place = {name: number for number, name in enumerate(names)}
    folds = folds_of(labels, texts, seed)
    told = np.full((len(labels), len(names)), 1.0 / len(names))
    for fold in range(FOLDS):
        held = folds == fold
        known = [label for label, out in zip(labels, held, strict=True) if not out]
        if not held.any() or len(set(known)) < 2:
            continue
        probe = Probe.fit(vectors[~held], known, strength=STRENGTH)
        part = np.zeros((int(held.sum()), len(names)))
        part[:, [place[label] for label in probe.labels]] = probe.probabilities(vectors[held])
        told[held] = part
    return told


def folds_of(labels: Sequence[str], texts: Sequence[Hashable], seed: int) -> I64:
    """`(N,)` the fold of each row: as many of each label in each, one text never in two."""
    home: dict[Hashable, str] = {}
    for text, label in zip(texts, labels, strict=True):
        home.setdefault(text, label)
    fold: dict[Hashable, int] = {}
    for number, name in enumerate(sorted(set(home.values()))):
        own = [text for text, label in home.items() if label == name]
        order = Draws(seed, number).permutation(len(own), FOLD_STREAM)
        # Labels begin with different folds, or the first would have the most of all small labels.
        fold |= {own[text]: (place + number) % FOLDS for place, text in enumerate(order.tolist())}
    return np.array([fold[text] for text in texts], dtype=np.int64)


def confident(probabilities: F64, truth: I64) -> list[tuple[int, int]]:
    """The off-diagonal of the confident joint: rows, and the label that each likely has.

    Args:
        probabilities: `(N, C)`, out of fold.
        truth: `(N,)` the number of the given label.

    Returns:
        Those whose given label is least probable first.
    """
    count = probabilities.shape[1]
    means = np.array([probabilities[truth == label, label].mean() for label in range(count)])
    sure = np.where(probabilities >= np.minimum(means, SURE), probabilities, -1.0)
    some = sure.max(1) >= 0
    best = np.where(some, sure.argmax(1), probabilities.argmax(1))
    own = probabilities[np.arange(len(truth)), truth]
    rows = np.flatnonzero((best != truth) & (some | (own < FAR_BELOW * means[truth])))
    order = np.argsort(own[rows], kind="stable")
    return [(int(row), int(best[row])) for row in rows[order]]
