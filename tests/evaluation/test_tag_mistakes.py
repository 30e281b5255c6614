"""What is wrong with spans, and figures by their type."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.evaluation.tag_mistakes import KINDS, SpanMistakes
from unmask.evaluation.tagging import (
    NAMED,
    TaggingFigures,
    compare_tags,
    counts_of,
    estimates,
)
from unmask.text.tags import BIO, WordSpan

TRUTH = [[WordSpan(0, 2, "a"), WordSpan(3, 4, "b")], [WordSpan(1, 3, "a")], []]


def kinds(guesses: list[list[WordSpan]]) -> dict[str, int]:
    return {name: count for name, count in SpanMistakes.of(TRUTH, guesses).kinds if count}


def test_each_wrong_span_has_one_kind() -> None:
    right, wrong_type, wrong_ends, wrong_both, none, missed = (
        TRUTH,
        [[WordSpan(0, 2, "b"), WordSpan(3, 4, "b")], TRUTH[1], []],
        [[WordSpan(0, 1, "a"), WordSpan(3, 4, "b")], TRUTH[1], []],
        [[WordSpan(0, 1, "b"), WordSpan(3, 4, "b")], TRUTH[1], []],
        [TRUTH[0], TRUTH[1], [WordSpan(0, 1, "a")]],
        [TRUTH[0], [], []],
    )
    assert kinds(right) == {}
    for place, guess in enumerate((wrong_type, wrong_ends, wrong_both, none, missed)):
        assert kinds(guess) == {KINDS[place]: 1}
    found = SpanMistakes.of(TRUTH * 3, [*wrong_type, *wrong_type, *right])
    assert found.taken == (("a", "b", 2),)


def test_two_taggers_on_the_same_sentences() -> None:
    dice = np.random.default_rng(1)
    truth = [["B-a" if x < 0.4 else "O" for x in dice.random(10)] for _ in range(200)]

    def noisy(share: float) -> list[list[str]]:
        return [[tag if dice.random() > share else "O" for tag in own] for own in truth]

    good, poor = noisy(0.1), noisy(0.4)
    found = compare_tags(truth, good, poor, BIO)
    assert [one.figure for one in found] == [name for name, _ in NAMED]
    for one, other in zip(found, compare_tags(truth, poor, good, BIO), strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.rows == 200
    f1 = found[0]
    sides = [TaggingFigures.of(truth, side, BIO) for side in (good, poor)]
    assert (f1.first, f1.second) == pytest.approx([side.f1 for side in sides])
    assert f1.better == "first"
    assert {one.better for one in compare_tags(truth, good, good, BIO)} == {"neither"}
    # Paired: sentences drawn together scatter less than each model by itself.
    alone = sides[0].f1_interval
    between = estimates(counts_of(truth, good, BIO))["F1"].interval
    assert between == alone
    again = noisy(0.1)
    close = compare_tags(truth, good, again, BIO)[0]
    assert close.interval.high - close.interval.low < 2 * (alone.high - alone.low)
