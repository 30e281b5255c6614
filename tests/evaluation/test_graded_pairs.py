"""Graded pairs: correlations of cosines with grades, and two models on the same pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from unmask.evaluation.embedding import Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.text.related import RelatedRow

DICE = np.random.default_rng(0)
FIRST, SECOND = (DICE.standard_normal((30, 6)).astype(np.float32) for _ in range(2))
PAIRS = Graded.of([RelatedRow(f"a{n}", f"b{n}", (), float(n % 4)) for n in range(30)])
VECTORS = Vectors(FIRST, SECOND, "cosine")


def test_figures_are_those_of_the_cosines() -> None:
    lengths = np.linalg.norm(FIRST, axis=1) * np.linalg.norm(SECOND, axis=1)
    cosines = (FIRST * SECOND).sum(1) / lengths
    np.testing.assert_allclose(PAIRS.alike(VECTORS), cosines, atol=1e-6)
    found = PAIRS.figures(VECTORS)
    assert found["Spearman"].value == pytest.approx(spearmanr(PAIRS.grades, cosines).statistic)
    assert found["Pearson"].value == pytest.approx(pearsonr(PAIRS.grades, cosines).statistic)
    assert (found.pairs, found.queries, found.documents) == (30, None, None)
    assert PAIRS.quick(VECTORS)["Spearman"] == found["Spearman"].value


def test_a_model_before_and_shorter_vectors() -> None:
    better = Vectors(FIRST, FIRST + PAIRS.grades[:, None].astype(np.float32) * FIRST, "dot")
    found = PAIRS.figures(better, VECTORS, (3,))
    assert found.gain is not None
    assert found.gain.figure == "Spearman"
    assert found.gain.second == pytest.approx(PAIRS.figures(VECTORS)["Spearman"].value)
    assert [one.figure for one in PAIRS.compared(better, VECTORS)] == ["Spearman", "Pearson"]
    assert found.cut[0].value == PAIRS.figures(better.cut(3))["Spearman"]
    assert "Spearman of 3 numbers" in found.in_words()


def test_equal_cosines_leave_figures_undefined() -> None:
    same = np.ones((30, 4), np.float32)
    found = PAIRS.figures(Vectors(same, same, "cosine"), VECTORS)
    assert found["Spearman"].value is None
    assert found.gain is None
    assert "undefined, before " in found.in_words()["Spearman"]
