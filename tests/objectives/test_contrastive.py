"""InfoNCE over an update: the textbook's loss, and nothing held against a query that is its own."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unmask.errors import ConfigError
from unmask.objectives.contrastive import Contrast, told_apart
from unmask.objectives.related import AskedRows

FloatArray = np.ndarray[Any, Any]
Pairs = Collection[tuple[int, int]]


def cosines_of(queries: int, documents: int, seed: int = 0) -> torch.Tensor:
    dice = torch.Generator().manual_seed(seed)
    sides = [F.normalize(torch.randn(n, 7, generator=dice), dim=1) for n in (queries, documents)]
    return sides[0] @ sides[1].T


def asked_of(
    queries: list[int], documents: list[list[int]], barred: Pairs, shape: tuple[int, int]
) -> AskedRows:
    """Rows of an update."""
    left_out = torch.zeros(shape, dtype=torch.bool)
    for query, document in barred:
        left_out[query, document] = True
    longest = max(map(len, documents))
    listed = [one + [-1] * (longest - len(one)) for one in documents]
    nothing = torch.zeros(len(queries))
    return AskedRows(
        torch.tensor(queries), torch.tensor(listed), left_out, nothing, nothing[:, None]
    )


def textbook(
    cosines: FloatArray, rows: Pairs, barred: Pairs, temperature: float
) -> tuple[float, int, int]:
    """The sum over rows, hits, and the rows that count."""
    total, hits, told = 0.0, 0, 0
    for query, own in rows:
        scores = {
            d: cosines[query, d] / temperature
            for d in range(cosines.shape[1])
            if d == own or (query, d) not in barred
        }
        if len(scores) == 1:
            continue
        told += 1
        total -= scores[own] - math.log(sum(math.exp(score) for score in scores.values()))
        hits += max(scores, key=lambda d: scores[d]) == own
    return total, hits, told


# Query 0 has two documents in this update (0 and 1), and document 4 is its own text; document 3 is
# a hard negative of query 1, and belongs to query 2 in a row of another update.
ROWS = [(0, 0), (0, 1), (1, 2), (2, 4)]
BARRED = {(0, 0), (0, 1), (0, 4), (1, 2), (2, 4), (2, 3)}
ASKED = asked_of([0, 0, 1, 2], [[0], [1], [2, 3], [4]], sorted(BARRED), (3, 5))


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_the_loss_is_the_textbooks(temperature: float) -> None:
    cosines = cosines_of(3, 5)
    rule = Contrast(temperature)
    found = rule(cosines, ASKED)
    total, hits, told = textbook(cosines.double().numpy(), ROWS, BARRED, temperature)
    assert list(found) == ["queries"]
    assert float(found["queries"][0]) == pytest.approx(total, rel=1e-5)
    assert (int(found["queries"][1]), rule.targets(ASKED)) == (hits, {"queries": told})
    assert told == 4


def test_both_ways_each_have_half_the_weight() -> None:
    cosines = cosines_of(3, 5)
    rule = Contrast(0.1, "both")
    found = rule(cosines, ASKED)
    back = [(document, query) for query, document in ROWS]
    turned = {(document, query) for query, document in BARRED}
    total, hits, told = textbook(cosines.double().numpy().T, back, turned, 0.1)
    assert float(found["documents"][0]) == pytest.approx(total, rel=1e-5)
    assert int(found["documents"][1]) == hits
    assert rule.targets(ASKED) == {"queries": 4, "documents": told}
    assert rule.weight == 0.5


def test_what_is_barred_gets_no_gradient() -> None:
    cosines = cosines_of(3, 5).requires_grad_()
    total, _ = Contrast(0.5)(cosines, ASKED)["queries"]
    total.backward()  # type: ignore[no-untyped-call]
    assert cosines.grad is not None
    silent = {tuple(place) for place in (cosines.grad == 0).nonzero().tolist()}
    assert silent == {(0, 4), (2, 3)}
    assert (cosines.grad[1] > 0).tolist() == [True, True, False, True, True]


def test_a_query_without_a_negative_asks_for_nothing() -> None:
    asked = asked_of([0, 0], [[0], [1]], [(0, 0), (0, 1)], (1, 2))
    cosines = cosines_of(1, 2).requires_grad_()
    rule = Contrast()
    assert rule.targets(asked) == {"queries": 0}
    total, hits = rule(cosines, asked)["queries"]
    total.backward()  # type: ignore[no-untyped-call]
    assert (float(total.detach()), int(hits)) == (0.0, 0)
    assert cosines.grad is not None
    assert not cosines.grad.any()


def test_own_columns_count_whether_they_are_barred_or_not() -> None:
    cosines, own = cosines_of(3, 3), torch.arange(3)
    apart = torch.eye(3, dtype=torch.bool)
    found = [told_apart(cosines, own, barred, 0.1) for barred in (apart, ~apart & apart)]
    assert found[0][0] == found[1][0]


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_temperatures_that_divide_nothing(temperature: float) -> None:
    with pytest.raises(ConfigError, match=r"temperature .* must be above 0"):
        Contrast(temperature)
