"""How spans of words are missed: by their type, by their ends, or altogether.

A span that was found and is not right has a nearest true one: one with the same words, else one of
the same type that it overlaps, else any that it overlaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.evaluation.bootstrap import F64, RESAMPLES, Estimate
from unmask.evaluation.tagging import estimates
from unmask.text.tags import WordSpan

KINDS = (
    "right words, wrong type",
    "right type, wrong words",
    "wrong words and wrong type",
    "found where there is none",
    "missed altogether",
)
Spans = Sequence[WordSpan]


@dataclass(frozen=True, slots=True)
class SpanMistakes:
    """What is wrong with the spans of some sentences.

    Attributes:
        kinds: how often each of `KINDS` occurs, in their order.
        taken: (true type, type given) of the spans whose words are right, the most frequent first.
    """

    kinds: tuple[tuple[str, int], ...]
    taken: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, truth: Iterable[Spans], guesses: Iterable[Spans]) -> SpanMistakes:
        """Count those of N sentences."""
        kinds: Counter[str] = Counter()
        taken: Counter[tuple[str, str]] = Counter()
        for true, guessed in zip(truth, guesses, strict=True):
            right = {*true} & {*guessed}
            for span in guessed:
                if span not in right:
                    kind, nearest = _kind(span, true)
                    kinds[kind] += 1
                    if kind == KINDS[0] and nearest is not None:
                        taken[nearest.label, span.label] += 1
            kinds[KINDS[-1]] += sum(not any(_overlap(one, g) for g in guessed) for one in true)
        order = sorted(taken.items(), key=lambda item: (-item[1], item[0]))
        return cls(
            tuple((kind, kinds[kind]) for kind in KINDS),
            tuple((true, given, count) for (true, given), count in order),
        )


def by_type(
    truth: Sequence[Spans], guesses: Sequence[Spans], resamples: int = RESAMPLES
) -> dict[str, dict[str, Estimate]]:
    """F1, precision and recall of the spans of each type, with intervals over the sentences."""
    found: dict[str, dict[int, list[int]]] = {}
    for column, sentences in enumerate((_both(truth, guesses), guesses, truth)):
        for place, spans in enumerate(sentences):
            for span in spans:
                found.setdefault(span.label, {}).setdefault(place, [0] * 5)[column] += 1
    return {name: estimates(_counts(found[name], len(truth)), resamples) for name in sorted(found)}


def _counts(found: Mapping[int, Sequence[int]], sentences: int) -> F64:
    counts = np.zeros((sentences, 5))
    counts[[*found]] = [*found.values()]
    return counts


def _both(truth: Sequence[Spans], guesses: Sequence[Spans]) -> list[Spans]:
    return [[*({*true} & {*guessed})] for true, guessed in zip(truth, guesses, strict=True)]


def _kind(span: WordSpan, truth: Spans) -> tuple[str, WordSpan | None]:
    near = [one for one in truth if _overlap(span, one)]
    same = [one for one in near if one[:2] == span[:2]]
    if same:
        return KINDS[0], same[0]
    if any(one.label == span.label for one in near):
        return KINDS[1], None
    return (KINDS[2] if near else KINDS[3]), None


def _overlap(one: WordSpan, other: WordSpan) -> bool:
    return one.first < other.end and other.first < one.end
