"""Losses of graded pairs and of a teacher's scores, against their equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.objectives.test_contrastive import cosines_of
from unmask.errors import ConfigError
from unmask.objectives.graded import Cosine, Divergence, MarginError, Ranking
from unmask.objectives.related import AskedRows

GRADES = [3.0, 1.0, 3.0, 0.5]
# Rows 0 and 2 have two negatives, the others one.
DOCUMENTS = [[0, 1, 2], [1, 3, -1], [2, 0, 3], [3, 2, -1]]
TEACHER = [[9.0, 1.0, -2.0], [3.0, 4.0, 0.0], [0.5, 0.5, 0.0], [2.0, -1.0, 0.0]]
ASKED = AskedRows(
    torch.tensor([0, 1, 2, 1]),
    torch.tensor(DOCUMENTS),
    torch.zeros(3, 4, dtype=torch.bool),
    torch.tensor(GRADES),
    torch.tensor(TEACHER),
)
COSINES = cosines_of(3, 4)
OWN = [float(COSINES[q, d[0]]) for q, d in zip(ASKED.queries.tolist(), DOCUMENTS, strict=True)]


def listed() -> list[list[float]]:
    """The cosines of each row's documents."""
    queries = ASKED.queries.tolist()
    return [
        [float(COSINES[q, d]) for d in row if d >= 0]
        for q, row in zip(queries, DOCUMENTS, strict=True)
    ]


def test_the_squared_error_of_cosines() -> None:
    total, _ = Cosine()(COSINES, ASKED)["pairs"]
    wanted = sum((own - grade) ** 2 for own, grade in zip(OWN, GRADES, strict=True))
    assert float(total) == pytest.approx(wanted, rel=1e-5)
    assert Cosine().targets(ASKED) == {"pairs": 4}


def test_the_order_of_grades() -> None:
    total, _ = Ranking(0.1)(COSINES, ASKED)["order"]
    wanted = math.log(
        1
        + sum(
            math.exp((OWN[j] - OWN[i]) / 0.1)
            for i in range(4)
            for j in range(4)
            if GRADES[i] > GRADES[j]
        )
    )
    assert float(total) == pytest.approx(wanted, rel=1e-5)
    assert Ranking().targets(ASKED) == {"order": 1}


def test_equal_grades_have_no_order() -> None:
    cosines = COSINES.clone().requires_grad_()
    asked = AskedRows(*(getattr(ASKED, n) for n in ("queries", "documents", "barred")),
                      torch.ones(4), ASKED.teacher)  # fmt: skip
    total, _ = Ranking()(cosines, asked)["order"]
    total.backward()  # type: ignore[no-untyped-call]
    assert (float(total.detach()), Ranking().targets(asked)) == (0.0, {"order": 0})
    assert cosines.grad is not None
    assert not cosines.grad.any()


def test_the_margins_of_a_teacher() -> None:
    total, hits = MarginError(0.1)(COSINES, ASKED)["margins"]
    wanted, right = 0.0, 0
    for row, taught in zip(listed(), TEACHER, strict=True):
        for other in range(1, len(row)):
            own, theirs = (row[0] - row[other]) / 0.1, taught[0] - taught[other]
            wanted += (own - theirs) ** 2
            right += np.sign(own) == np.sign(theirs)
    assert float(total) == pytest.approx(wanted, rel=1e-5)
    assert (int(hits), MarginError().targets(ASKED)) == (right, {"margins": 6})


def test_the_shares_of_a_teacher() -> None:
    cosines = COSINES.clone().requires_grad_()
    total, hits = Divergence(0.1)(cosines, ASKED)["lists"]
    wanted, right = 0.0, 0
    for row, taught in zip(listed(), TEACHER, strict=True):
        shares = [np.exp(np.array(one)) for one in ([r / 0.1 for r in row], taught[: len(row)])]
        own, theirs = (one / one.sum() for one in shares)
        wanted += float((theirs * np.log(theirs / own)).sum())
        right += int(own.argmax() == theirs.argmax())
    assert float(total.detach()) == pytest.approx(wanted, rel=1e-5)
    assert (int(hits), Divergence().targets(ASKED)) == (right, {"lists": 4})
    total.backward()  # type: ignore[no-untyped-call]
    assert cosines.grad is not None
    assert torch.isfinite(cosines.grad).all()


@pytest.mark.parametrize("rule", [Ranking, MarginError, Divergence])
def test_temperatures_that_divide_nothing(rule: type[Ranking]) -> None:
    with pytest.raises(ConfigError, match=r"temperature .* must be above 0"):
        rule(0.0)
