"""Probabilities that can be relied on: one temperature, fitted on rows that were not trained on.

Logits are divided by the temperature before they become probabilities (Guo et al. 2017). It is
above 0 and the same for all, so the most probable label of a row stays what it is, and so does the
order of the rows by the score of a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import chi2

from unmask.checkpoint.use import THRESHOLD
from unmask.errors import DataError, first_of
from unmask.evaluation.bootstrap import F64, LEVEL, Counts

COLDEST, HOTTEST = 0.05, 100.0
EXACT = 1e-6  # to which ln T is found


@dataclass(frozen=True, slots=True)
class Temperature:
    """What logits are divided by.

    Attributes:
        value: T, above 0; 1 leaves the probabilities as they are.
        best: the one with the least loss on the rows; 1 where there is none.
        before, after: mean negative log-likelihood of the rows, in nats a decision, with 1 and with
            the best.
        rows: how many they are.
        told: "fitted", the value is the best one; "hottest", the same, but the scores say no more
            than chance and it ends at 100; "chance": the rows do not show that the best one is
            better than 1, by a likelihood ratio at 95 %, so the value is 1; "right": every row is
            right, the loss falls as long as T does, and such rows cannot say how often the model is
            wrong, so the value is 1; "coldest": nearly every row is right, the loss falls down to
            0.05, and the value is 1 likewise.
    """

    value: float
    best: float
    before: float
    after: float
    rows: int
    told: Literal["fitted", "hottest", "coldest", "chance", "right"]

    def in_words(self) -> str:
        """For people."""
        if self.told == "right":
            return (
                f"probabilities are left as they are: all of {self.rows:,} rows are right, which "
                "cannot say how often the model is wrong"
            )
        losses = f"the log loss on {self.rows:,} rows from {self.before:.3f} to {self.after:.3f}"
        if self.told == "coldest":
            return (
                f"probabilities are left as they are: down to a temperature of {self.best:.3f}, "
                f"the lowest that is tried, it takes {losses}; such "
                "rows cannot say how often the model is wrong"
            )
        if self.told == "chance":
            return (
                f"probabilities are left as they are: a temperature of {self.best:.3f} would take "
                f"{losses}, which may be chance"
            )
        said = "; the scores say no more than chance" if self.told == "hottest" else ""
        return (
            f"probabilities are calibrated by a temperature of {self.value:.3f}, which takes "
            f"{losses}{said}"
        )


def one_label_temperature(logits: F64, truth: Counts) -> Temperature:
    """The temperature for a softmax over labels.

    Args:
        logits: `(N, C)` as the model gives them, finite.
        truth: `(N,)` numbers of the labels.

    Raises:
        DataError: there are no rows, or a row is no logits or has no such label.
    """
    scores = _checked(logits)
    rows, labels = scores.shape
    if len(truth) != rows or truth.min() < 0 or truth.max() >= labels:
        raise DataError(
            f"each of {rows} rows of logits needs a label from 0 to {labels - 1}, but there are "
            f"{len(truth)} from {truth.min()} to {truth.max()}"
        )
    every = np.arange(rows)
    separated = bool((scores.argmax(1) == truth).all())

    def loss(temperature: float) -> float:
        return -float(log_softmax(scores / temperature, axis=1)[every, truth].mean())

    return _fitted(loss, rows, separated, rows)


def many_label_temperature(logits: F64, truth: F64) -> Temperature:
    """The temperature for a sigmoid of each label.

    Args:
        logits: `(N, C)` as the model gives them, finite.
        truth: `(N, C)` 1 where a row has a label, else 0.

    Raises:
        DataError: there are no rows, a row is no logits, or the shapes differ.
    """
    scores = _checked(logits)
    if truth.shape != scores.shape:
        raise DataError(
            f"logits and truth must have one shape, but have {scores.shape} and {truth.shape}"
        )
    signed = np.where(truth > 0, scores, -scores)

    def loss(temperature: float) -> float:
        return float(np.logaddexp(0.0, -signed / temperature).mean())

    return _fitted(loss, len(scores), bool((signed > 0).all()), scores.size)


def _fitted(
    loss: Callable[[float], float], rows: int, separated: bool, decisions: int
) -> Temperature:
    """By a bounded search over ln T; the loss is convex in 1 / T, so it has one valley.

    Few rows, nearly all of them right, would have a small T by chance, and make probabilities that
    were fine too sure. So T has to be better than 1 by more than chance comes to (Wilks 1938).
    """
    before = loss(1.0)
    if separated:
        return Temperature(1.0, 1.0, before, before, rows, "right")
    ends = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(
        lambda power: loss(math.exp(power)), bounds=ends, method="bounded", options={"xatol": EXACT}
    )
    best, after = math.exp(float(found.x)), float(found.fun)
    if after >= before:  # 1 is the best, to within what the search can tell
        return Temperature(1.0, 1.0, before, before, rows, "chance")
    if 2 * decisions * (before - after) < float(chi2.ppf(LEVEL, 1)):
        return Temperature(1.0, best, before, after, rows, "chance")
    if best < 1.01 * COLDEST:
        return Temperature(1.0, best, before, after, rows, "coldest")
    told: Literal["fitted", "hottest"] = "hottest" if best > 0.99 * HOTTEST else "fitted"
    return Temperature(best, best, before, after, rows, told)


def _checked(logits: F64) -> F64:
    scores = np.asarray(logits, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise DataError(
            "a temperature is fitted on rows of logits, (rows, labels), but these have the shape "
            f"{scores.shape}; hold out some rows"
        )
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(1))[0])
        raise DataError(
            f"logits must be finite numbers, but row {row + 1} has {scores[row].tolist()[:5]}; "
            "train with a lower learning rate"
        )
    return scores


FEW = 5  # rows with a label, and rows without it, below which no threshold is chosen


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability on a label is given, where a text may have several.

    Attributes:
        labels: C names.
        values: C probabilities; a label is given where its own is at least that.
        usual: the labels whose threshold is 0.5 because too few rows have them, or lack them.
    """

    labels: tuple[str, ...]
    values: tuple[float, ...]
    usual: tuple[str, ...]

    @classmethod
    def fit(cls, probabilities: F64, truth: F64, labels: Sequence[str]) -> Thresholds:
        """The thresholds with the highest F1 of each label on some rows.

        A threshold lies in the middle between two probabilities that occur, so that it does not
        hang on one row; of equals, the one nearest to 0.5 is taken. With fewer than 5 rows that
        have the label, or that lack it, chance would choose, and it is 0.5.

        Args:
            probabilities: `(N, C)` from 0 to 1, of rows that were not trained on.
            truth: `(N, C)` 1 where a row has a label, else 0.
            labels: C names.

        Raises:
            DataError: the shapes differ, or a probability is none.
        """
        shape = (len(truth), len(labels))
        if probabilities.shape != shape or truth.shape != shape:
            raise DataError(
                f"thresholds need a probability and a truth for each of {len(labels)} labels in "
                f"each row, but these have the shapes {probabilities.shape} and {truth.shape}"
            )
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise DataError(
                "thresholds are chosen among probabilities from 0 to 1, but there are others; give "
                "probabilities, not logits"
            )
        having = truth.sum(0)
        known = (having >= FEW) & (len(truth) - having >= FEW)
        values = [
            _best(probabilities[:, place], truth[:, place]) if known[place] else THRESHOLD
            for place in range(len(labels))
        ]
        usual = tuple(name for name, enough in zip(labels, known, strict=True) if not enough)
        return cls(tuple(labels), tuple(values), usual)

    def given(self, probabilities: F64) -> F64:
        """`(N, C)` probabilities to 1 where a label is given, else 0."""
        return (probabilities >= np.array(self.values)).astype(np.float64)

    def in_words(self) -> str:
        """For people: what was chosen, and where it was not."""
        if len(self.usual) == len(self.labels):
            return (
                f"thresholds: {THRESHOLD} for every label, as each has or lacks fewer than {FEW} "
                "rows"
            )
        chosen = [
            value
            for name, value in zip(self.labels, self.values, strict=True)
            if name not in set(self.usual)
        ]
        said = (
            f"thresholds: chosen for {len(chosen)} labels by F1, from {min(chosen):.2f} to "
            f"{max(chosen):.2f}"
        )
        if not self.usual:
            return said
        return (
            f"{said}; {THRESHOLD} for {first_of(self.usual, 10)}, which fewer than {FEW} "
            "rows have or lack"
        )


def _best(probabilities: F64, truth: F64) -> float:
    """The threshold of one label, `(N,)` each."""
    order = np.argsort(-probabilities, kind="stable")
    scores, hits = probabilities[order], np.cumsum(truth[order])
    # Where the next score is lower, or there is none: all so far are given the label.
    ends = np.flatnonzero(np.append(scores[:-1] > scores[1:], True))
    f1 = 2 * hits[ends] / (ends + 1 + truth.sum())
    below = np.append(scores, 0.0)[ends + 1]
    middles = (scores[ends] + below) / 2
    best = np.flatnonzero(np.isclose(f1, f1.max(), rtol=0, atol=1e-12))
    return float(middles[best[np.argmin(np.abs(middles[best] - THRESHOLD))]])
