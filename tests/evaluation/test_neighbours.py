"""Neighbour baselines against counts done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unmask.batches.pack import pack
from unmask.evaluation.neighbours import PRIOR, Neighbours
from unmask.objectives.targets import Task

MASK = 4
CLS, SEP = 2, 3
# Token 5 stands between 6 and 7 three times, token 8 once.
ROWS = [[CLS, 6, 5, 7, SEP]] * 3 + [[CLS, 6, 8, 7, SEP]]


def ask(ids: list[int], row: int, label: int) -> Task:
    return Task(pack([ids]), torch.tensor([row]), torch.tensor([label]), {})


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours(10, [np.array(row, dtype=np.int64) for row in ROWS], [0, 1, CLS, SEP, MASK])


def test_frequencies_by_hand(neighbours: Neighbours) -> None:
    scores = {s.name: s for s in neighbours.scores([ask([CLS, 6, MASK, 7, SEP], 2, 5)], MASK)}
    unigram = neighbours.unigram[5]
    assert unigram == pytest.approx(3 / 12, rel=1e-2)
    after = (3 + PRIOR * unigram) / (4 + PRIOR)
    assert scores["left neighbour"].loss == pytest.approx(-math.log(after))
    assert scores["left x right neighbours"].top1 == 1.0
    assert scores["most frequent between the same two"].top1 == 1.0


def test_the_rarer_answer_is_not_the_first_guess(neighbours: Neighbours) -> None:
    scores = neighbours.scores([ask([CLS, 6, MASK, 7, SEP], 2, 8)], MASK)
    assert [s.top1 for s in scores[1:]] == [0.0] * 4
    assert [s.top5 for s in scores[1:]] == [1.0] * 4


def test_a_hidden_neighbour_is_not_used(neighbours: Neighbours) -> None:
    seen = {s.name: s for s in neighbours.scores([ask([CLS, 6, MASK, MASK, SEP], 2, 5)], MASK)}
    assert seen["right neighbour"].loss == pytest.approx(-math.log(neighbours.unigram[5]))
    assert seen["left x right neighbours"].loss == pytest.approx(seen["left neighbour"].loss)
    assert seen["most frequent between the same two"].loss == pytest.approx(
        seen["left neighbour"].loss
    )


def test_distributions_sum_to_one(neighbours: Neighbours) -> None:
    for distribution in neighbours._guesses(6, 7):
        assert distribution.sum() == pytest.approx(1.0)
