"""Which candidates become negatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unmask.errors import ConfigError
from unmask.pipelines.negatives import NegativeRule

SCORES = np.array([0.99, 0.95, 0.9, 0.8, 0.5, 0.2], dtype=np.float32)


def chosen(rule: NegativeRule, positive: float = 1.0, row: int = 0) -> list[int]:
    places, dropped = rule.choose(row, positive, SCORES)
    assert dropped == int((rule.ceiling(positive) < SCORES).sum())
    return [int(place) for place in places]


@pytest.mark.parametrize(
    ("rule", "positive", "expected"),
    [
        ({}, 0.1, [0, 1, 2]),
        ({"margin": 0.15}, 1.0, [3, 4, 5]),
        ({"relative_margin": 0.05}, 1.0, [1, 2, 3]),
        ({"relative_margin": 0.05}, 0.9, [3, 4, 5]),
        ({"relative_margin": 0.05, "margin": 0.6}, 0.9, [5]),
        ({"relative_margin": 0.5}, -1.0, []),  # a share of a score below 0 is no higher than it
        ({"margin": 0.0}, 0.2, [5]),
    ],
)
def test_margins(rule: dict[str, Any], positive: float, expected: list[int]) -> None:
    assert chosen(NegativeRule(per_query=3, **rule), positive) == expected


def test_the_relative_margin_keeps_to_95_percent() -> None:
    rule = NegativeRule(relative_margin=0.05)
    assert rule.ceiling(0.8) == pytest.approx(0.76)
    assert rule.ceiling(-0.4) == pytest.approx(-0.42)


def test_sampled_ones_are_a_function_of_seed_and_row() -> None:
    drawn = {
        (seed, row): tuple(chosen(NegativeRule(per_query=3, pick="sampled", seed=seed), 2.0, row))
        for seed in range(3)
        for row in range(30)
    }
    assert len(set(drawn.values())) > 10
    assert {place for some in drawn.values() for place in some} == set(range(6))
    for some in drawn.values():
        assert len(set(some)) == 3
        assert list(some) == sorted(some)  # the highest score first
    again = chosen(NegativeRule(per_query=3, pick="sampled", seed=1), 2.0, 7)
    assert tuple(again) == drawn[1, 7]
    assert chosen(NegativeRule(per_query=9, pick="sampled"), 2.0) == list(range(6))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"per_query": 0}, "per_query must be at least 1"),
        ({"skip_first": 5, "range": 5}, "range above skip_first"),
        ({"margin": -0.1}, r"margin must be at least 0, not -0\.1"),
        ({"relative_margin": 1.0}, r"below 1, not 1\.0; 0\.05 keeps"),
        ({"pick": "best"}, "top or sampled, not 'best'"),
        ({"seed": 0}, r"seed=0 would do nothing: the top .* give pick=sampled"),
    ],
)
def test_rules_that_make_no_sense(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NegativeRule(**wrong)
