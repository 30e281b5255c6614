"""How well spans of words are told, as conlleval counts them: by the library seqeval.

A span counts as found where its first word, its last word and its type are all right. conlleval is
the script of Tjong Kim Sang and Buchholz 2000; seqeval's default mode counts as it does, its strict
mode does not. With plain tags every word is a span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import (
    F64,
    RESAMPLES,
    Difference,
    Estimate,
    Interval,
    Wanted,
    differences,
    every_row,
    interval,
    resample,
    with_interval,
)
from unmask.evaluation.per_class import PerClassFigures, class_intervals, f1_precision_recall
from unmask.text.tags import OUTSIDE, Scheme, tag_name

Tags = Sequence[Sequence[str]]
Counted = tuple[int, int, int]  # of a type in a sentence: right spans, spans found, spans in truth
NAMED: tuple[tuple[str, Wanted], ...] = (
    ("F1", "more"),
    ("precision", "more"),
    ("recall", "more"),
    ("token accuracy", "more"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFigures(PerClassFigures):
    """How well the spans of one type are told.

    Attributes:
        spans: how many there are in truth.
    """

    spans: int

    def __str__(self) -> str:
        return self.in_words(self.spans, "spans")


@dataclass(frozen=True, slots=True)
class TaggingFigures:
    """How well the words of some sentences are tagged.

    Attributes:
        sentences: N.
        words: in all of them.
        spans: in truth.
        f1: of all spans together, whatever their type; 0 where nothing is right.
        f1_interval: by bootstrap over the sentences.
        precision: share of the spans found that are right.
        recall: share of the true spans that were found.
        token_accuracy: share of the words whose tag is right, O as well.
        token_accuracy_interval: by bootstrap over the sentences.
        types: by type, in the order of their names; those in truth or found.
        precision_interval, recall_interval: by bootstrap over the sentences. None in results that
            were stored before they were measured.
    """

    sentences: int
    words: int
    spans: int
    f1: float
    f1_interval: Interval
    precision: float
    recall: float
    token_accuracy: float
    token_accuracy_interval: Interval
    types: tuple[TypeFigures, ...]
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None

    @classmethod
    def of(
        cls, truth: Tags, guesses: Tags, scheme: Scheme, *, resamples: int = RESAMPLES
    ) -> TaggingFigures:
        """Figures of guessed tags.

        Args:
            truth: of N sentences, a tag for each word.
            guesses: as many.
            scheme: of both.
            resamples: of the bootstrap (Efron 1979).

        Raises:
            DataError: there are no words, or not a guess for each.
        """
        counts = counts_of(truth, guesses, scheme)
        # Loaded where it is used, so that no other command waits for it.
        from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

        true, guessed = _prefixed(truth, scheme), _prefixed(guesses, scheme)
        resampled = _resampled(counts, resamples)
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, guessed, average="micro", zero_division=0
        )
        return cls(
            sentences=len(truth),
            words=int(counts[:, 4].sum()),
            spans=int(counts[:, 2].sum()),
            f1=float(f1),
            f1_interval=interval(resampled[:, 0]),
            precision=float(precision),
            recall=float(recall),
            token_accuracy=float(counts[:, 3].sum() / counts[:, 4].sum()),
            token_accuracy_interval=interval(resampled[:, 3]),
            types=types_of(truth, guesses, scheme, resamples=resamples),
            precision_interval=interval(resampled[:, 1]),
            recall_interval=interval(resampled[:, 2]),
        )

    def in_words(self) -> dict[str, str]:
        """The main figures by name, for people."""
        return {
            "sentences": f"{self.sentences:,}, with {self.spans:,} spans",
            "F1": with_interval(self.f1, self.f1_interval),
            "precision": with_interval(self.precision, self.precision_interval),
            "recall": with_interval(self.recall, self.recall_interval),
            "token accuracy": with_interval(self.token_accuracy, self.token_accuracy_interval),
        }

    def by_type(self) -> dict[str, str]:
        """What each type has of them, for people."""
        return {f"  {one.label or 'span'}": str(one) for one in self.types}


def counts_of(truth: Tags, guesses: Tags, scheme: Scheme) -> F64:
    """`(N, 5)` of each sentence: right spans, spans found, spans in truth, right tags, words.

    Raises:
        DataError: there are no words, or not a guess for each.
    """
    sizes = [len(tags) for tags in truth]
    if sizes != [len(tags) for tags in guesses] or not sum(sizes):
        raise DataError(
            "evaluation needs words and a tag guessed for each, but has "
            f"{sum(sizes):,} words in {len(truth):,} sentences, and "
            f"{sum(map(len, guesses)):,} guesses in {len(guesses):,}"
        )
    true, guessed = _prefixed(truth, scheme), _prefixed(guesses, scheme)
    return np.array(list(map(_counts, true, guessed)), dtype=np.float64)


def types_of(
    truth: Tags, guesses: Tags, scheme: Scheme, *, resamples: int = RESAMPLES
) -> tuple[TypeFigures, ...]:
    """Figures of the spans of each type, in the order of their names; those in truth or found.

    Args:
        truth: of N sentences, a tag for each word.
        guesses: as many.
        scheme: of both.
        resamples: of the bootstrap over the sentences.
    """
    from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

    true, guessed = _prefixed(truth, scheme), _prefixed(guesses, scheme)
    counts: dict[str, Counter[Counted]] = {}
    for tags, given in zip(true, guessed, strict=True):
        spans, found = set(get_entities(tags)), set(get_entities(given))
        sides = [Counter(label for label, _, _ in one) for one in (spans & found, found, spans)]
        for label in sides[1].keys() | sides[2].keys():
            right, guess, there = (side[label] for side in sides)
            counts.setdefault(label, Counter())[right, guess, there] += 1
    if not counts:
        return ()
    figures = precision_recall_fscore_support(true, guessed, average=None, zero_division=0)
    return tuple(
        TypeFigures(
            label="" if label == "_" else label,  # seqeval's name for the type that has none
            spans=int(n),
            precision=float(p),
            recall=float(r),
            f1=float(f),
            **_type_intervals(counts[label], len(true), resamples),
        )
        for label, p, r, f, n in zip(sorted(counts), *figures, strict=True)
    )


def estimates(counts: F64, resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """The figures in `NAMED` with their intervals.

    Args:
        counts: `(N, 5)`, see `counts_of`.
        resamples: of the bootstrap over the sentences.
    """
    values, resampled = every_row(_figures(counts), len(counts)), _resampled(counts, resamples)
    return {
        name: Estimate.of(float(values[place]), resampled[:, place])
        for place, (name, _) in enumerate(NAMED)
    }


def compare_tags(
    truth: Tags, first: Tags, second: Tags, scheme: Scheme, *, resamples: int = RESAMPLES
) -> tuple[Difference, ...]:
    """Paired differences of two models that tagged the same sentences.

    Args:
        truth: of N sentences, a tag for each word.
        first, second: what each model guessed.
        scheme: of all three.
        resamples: of the bootstrap over the sentences.

    Raises:
        DataError: there are no words, or not a guess of each model for each.
    """
    ours, theirs = (_figures(counts_of(truth, tags, scheme)) for tags in (first, second))
    return differences(NAMED, ours, theirs, len(truth), resamples=resamples)


def _prefixed(sentences: Tags, scheme: Scheme) -> list[list[str]]:
    """Tags as seqeval reads them: a plain one is a span of one word."""
    if scheme.prefixes:
        return [list(tags) for tags in sentences]
    return [[tag if tag == OUTSIDE else tag_name("B", tag) for tag in tags] for tags in sentences]


def _counts(true: list[str], guessed: list[str]) -> tuple[int, ...]:
    """Of a sentence: right spans, spans found, spans in truth, right tags, words."""
    from seqeval.metrics.sequence_labeling import get_entities

    spans, found = set(get_entities(true)), set(get_entities(guessed))
    right = sum(a == b for a, b in zip(true, guessed, strict=True))
    return len(spans & found), len(found), len(spans), right, len(true)


def _figures(counts: F64) -> Callable[[F64], F64]:
    """`(R, N)` weights of sentences to the `(R, 4)` figures in `NAMED`."""
    return lambda weights: _ratios(weights @ counts)


def _resampled(counts: F64, resamples: int) -> F64:
    """`(R, 4)` figures of resamples; sentences that count alike are drawn together."""
    alike, times = np.unique(counts, axis=0, return_counts=True)
    return resample(_figures(alike), times, resamples=resamples)


def _ratios(counts: F64) -> F64:
    """The figures in `NAMED`, `(R, 4)`, of sums of counts `(R, 5)`."""
    right, words = counts[:, 3:].T
    accuracy = np.divide(right, words, out=np.zeros_like(words), where=words > 0)
    return np.column_stack([f1_precision_recall(counts[:, :3]), accuracy])


def _type_intervals(counts: Counter[Counted], sentences: int, resamples: int) -> dict[str, Any]:
    """The intervals of a type, by the names of their fields.

    Args:
        counts: how many sentences have so many of its spans found rightly, found, and there.
        sentences: all, those without any of them too.
        resamples: of the bootstrap.
    """
    alike = sorted(counts)
    times = [sentences - counts.total(), *(counts[one] for one in alike)]
    groups = np.array([(0, 0, 0), *alike], dtype=np.float64)
    return class_intervals(groups, np.array(times), resamples)
