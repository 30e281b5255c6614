"""How well questions are answered: exact match and F1 as SQuAD counts them, with intervals.

The rules are those of the programs published with SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018;
evaluate-v2.0.py): answers are compared without letter case, punctuation, articles and white space;
of several right answers the one counts that is nearest; a question without an answer counts 1
where none is said and 0 else. The program of 1.1 differs where nothing but an article or a mark is
left of an answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Difference,
    Estimate,
    Interval,
    Wanted,
    interval,
    mean_differences,
    resample,
    with_interval,
)
from unmask.evaluation.slices import means

NAMED: tuple[tuple[str, Wanted], ...] = (("exact match", "more"), ("F1", "more"))
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """An answer as it is compared: without letter case, punctuation, articles and white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def agreement(said: str, truths: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of what is said with the nearest of several right answers.

    Args:
        said: the answer; empty for "no answer".
        truths: right ones; none where the text has no answer.

    Returns:
        Both from 0 to 1. F1 is over words, each counted as often as it stands there.
    """
    wanted = [norm for norm in map(normalised, truths) if norm] or [""]
    found = normalised(said)
    return float(found in wanted), max(_f1(found.split(), norm.split()) for norm in wanted)


def _f1(found: list[str], wanted: list[str]) -> float:
    if not found or not wanted:
        return float(found == wanted)
    same = sum((Counter(found) & Counter(wanted)).values())
    return 2 * same / (len(found) + len(wanted))


def agreements(said: Sequence[str], truths: Sequence[Sequence[str]]) -> F64:
    """`(N, 2)` exact match and F1 of each of N questions; see `agreement`.

    Raises:
        DataError: there are no questions, or not as many answers.
    """
    if len(said) != len(truths) or not truths:
        raise DataError(
            "evaluation needs questions and an answer for each, but has "
            f"{len(truths)} questions and {len(said)} answers"
        )
    pairs = [agreement(one, right) for one, right in zip(said, truths, strict=True)]
    return np.array(pairs, dtype=np.float64)


def compare_answers(
    truths: Sequence[Sequence[str]],
    first: Sequence[str],
    second: Sequence[str],
    *,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Paired differences of two models that answered the same questions.

    Args:
        truths: the right answers of each of N questions.
        first, second: what each model said.
        resamples: of the bootstrap.

    Raises:
        DataError: there are no questions, or not as many answers.
    """
    return mean_differences(
        NAMED, agreements(first, truths), agreements(second, truths), resamples=resamples
    )


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """How well some questions are answered.

    Attributes:
        questions: N.
        exact_match: share of the questions whose answer is one of the right ones.
        exact_match_interval: by bootstrap over the questions.
        f1: mean agreement in words with the nearest right answer.
        f1_interval: by bootstrap over the questions.
        unanswerable: how many questions have no answer in their text.
        answerable_f1: mean F1 of the questions that have one; None where none has.
        unanswerable_accuracy: share of the others of which "no answer" was said; None where there
            are none.
        threshold: by how many nats "no answer" had to be ahead to be said; None where it never is.
        answerable_f1_interval, unanswerable_accuracy_interval: by bootstrap over those questions.
            None where the figure is, and in results that were stored before they were measured.
    """

    questions: int
    exact_match: float
    exact_match_interval: Interval
    f1: float
    f1_interval: Interval
    unanswerable: int
    answerable_f1: float | None
    unanswerable_accuracy: float | None
    threshold: float | None
    answerable_f1_interval: Interval | None = None
    unanswerable_accuracy_interval: Interval | None = None

    @classmethod
    def of(
        cls,
        said: Sequence[str],
        truths: Sequence[Sequence[str]],
        threshold: float | None = None,
        *,
        resamples: int = RESAMPLES,
    ) -> AnswerFigures:
        """Count what was said of N questions.

        Args:
            said: an answer each; empty for "no answer".
            truths: the right answers of each.
            threshold: at which "no answer" was said.
            resamples: of the bootstrap (Efron 1979).

        Raises:
            DataError: there are no questions, or not as many answers.
        """
        scores = agreements(said, truths)
        exact, f1 = scores.T
        none = np.array([not right for right in truths])
        resampled = resample(
            lambda weights: weights @ scores / len(scores), len(scores), resamples=resamples
        )
        nothing, mean = Estimate(None, None), means(f1, resamples)
        answerable = nothing if none.all() else mean(np.flatnonzero(~none).tolist())
        told = mean(np.flatnonzero(none).tolist()) if none.any() else nothing
        return cls(
            questions=len(truths),
            exact_match=float(exact.mean()),
            exact_match_interval=interval(resampled[:, 0]),
            f1=float(f1.mean()),
            f1_interval=interval(resampled[:, 1]),
            unanswerable=int(none.sum()),
            answerable_f1=answerable.value,
            unanswerable_accuracy=told.value,
            threshold=threshold,
            answerable_f1_interval=answerable.interval,
            unanswerable_accuracy_interval=told.interval,
        )

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        parts = {}
        if self.unanswerable_accuracy is not None:
            parts["  without an answer, told"] = with_interval(
                self.unanswerable_accuracy, self.unanswerable_accuracy_interval
            )
            if self.answerable_f1 is not None:
                parts["  with an answer, F1"] = with_interval(
                    self.answerable_f1, self.answerable_f1_interval
                )
        if self.threshold is not None:
            parts["no answer said from"] = f"{self.threshold:+.2f} nats"
        none = f", {self.unanswerable:,} without an answer" if self.unanswerable else ""
        return {
            "questions": f"{self.questions:,}{none}",
            "exact match": with_interval(self.exact_match, self.exact_match_interval),
            "F1": with_interval(self.f1, self.f1_interval),
            **parts,
        }


def best_threshold(
    best: Sequence[str], margins: Sequence[float], truths: Sequence[Sequence[str]]
) -> float | None:
    """From which margin on "no answer" should be said, so that the mean F1 is highest.

    As in evaluate-v2.0.py, each margin of the data is tried. Between the last question that is
    then answered and the first that is not the threshold lies in the middle.

    Args:
        best: the best span of each of N questions; empty where it has none.
        margins: by how many nats "no answer" is ahead of it.
        truths: the right answers of each.

    Returns:
        Nats; None where it is best to answer all questions.
    """
    gains = np.array(
        [
            agreement(one, right)[1] - agreement("", right)[1]
            for one, right in zip(best, truths, strict=True)
        ]
    )
    order = np.argsort(np.array(margins), kind="stable")
    ordered = np.array(margins)[order]
    # What is won by answering the first n questions, for n from 0 to N.
    won = np.concatenate(([0.0], np.cumsum(gains[order])))
    # Questions of one margin are answered together or not at all.
    apart = np.concatenate(([True], ordered[1:] > ordered[:-1], [True]))
    count = int(np.where(apart, won, -np.inf).argmax())
    if count == len(ordered):
        return None
    low = ordered[count - 1] if count else ordered[0] - 2.0
    high = ordered[count] if np.isfinite(ordered[count]) else low + 2.0
    return float((low + high) / 2)
