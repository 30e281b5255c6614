"""How well spans of words are told, as conlleval counts them: by the library seqeval.

A span counts as found where its first word, its last word and its type are all right. conlleval is
the script of Tjong Kim Sang and Buchholz 2000; seqeval's default mode counts as it does, its strict
mode does not. With plain tags every word is a span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    differences,
    every_row,
    interval,
    resample,
)
from unmask.text.tags import OUTSIDE, Scheme, tag_name

Tags = Sequence[Sequence[str]]
NAMED: tuple[tuple[str, Wanted], ...] = (
    ("F1", "more"),
    ("precision", "more"),
    ("recall", "more"),
    ("token accuracy", "more"),
)


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """How well the spans of one type are told.

    Attributes:
        label: the type.
        spans: how many there are in truth.
        precision: share of those found that are right; 0 where none was found.
        recall: share of them that were found; 0 where there are none.
        f1: their harmonic mean.
    """

    label: str
    spans: int
    precision: float
    recall: float
    f1: float


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
        by_type = precision_recall_fscore_support(true, guessed, average=None, zero_division=0)
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
            types=tuple(
                TypeFigures(name, int(n), float(p), float(r), float(f))
                for name, p, r, f, n in zip(_types(true, guessed), *by_type, strict=True)
            ),
        )

    def in_words(self) -> dict[str, str]:
        """The main figures by name, for people."""
        return {
            "sentences": f"{self.sentences:,}, with {self.spans:,} spans",
            "F1": f"{self.f1:.3f} (95 %: {self.f1_interval})",
            "precision": f"{self.precision:.3f}",
            "recall": f"{self.recall:.3f}",
            "token accuracy": f"{self.token_accuracy:.3f} (95 %: {self.token_accuracy_interval})",
        }

    def by_type(self) -> dict[str, str]:
        """What each type has of them, for people."""
        return {
            f"  {one.label or 'span'}": f"F1 {one.f1:.3f}  precision {one.precision:.3f}  "
            f"recall {one.recall:.3f}  spans {one.spans:,}"
            for one in self.types
        }


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
    right, found, spans, words_right, words = counts.T
    parts = ((2 * right, found + spans), (right, found), (right, spans), (words_right, words))
    shares = [np.divide(a, b, out=np.zeros_like(b), where=b > 0) for a, b in parts]
    return np.stack(shares, axis=1)


def _types(true: list[list[str]], guessed: list[list[str]]) -> list[str]:
    """The types in seqeval's order; it names the type without a name "_"."""
    from seqeval.metrics.sequence_labeling import get_entities

    found = {label for tags in (*true, *guessed) for label, _, _ in get_entities(tags)}
    return ["" if label == "_" else label for label in sorted(found)]
