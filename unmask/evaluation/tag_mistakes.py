"""How spans of words are missed: by their type, by their ends, or altogether.

A span that was found and is not right has a nearest true one: one with the same words, else one of
the same type that it overlaps, else any that it overlaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
