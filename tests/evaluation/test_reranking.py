"""Figures of rerankers: nothing is gained by ties, and grades count."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.config import from_mapping, to_mapping
from unmask.evaluation.ranking import RankingFigures
from unmask.evaluation.reranking import RerankFigures, SureFigures, as_rankings


def ranked(scores: list[float], labels: list[list[float]]) -> RankingFigures:
    relevant = [[label > 0 for label in own] for own in labels]
    return RankingFigures.of(*as_rankings(np.array(scores), labels, relevant), resamples=20)


def test_a_model_that_cannot_tell_documents_apart_gains_nothing() -> None:
    for labels in ([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]):
        figures = ranked([0.5] * 4, [labels])
        assert figures["MRR@10"].value == pytest.approx(1 / 4)
        assert figures["recall@1"].value == 0.0


def test_figures_by_hand() -> None:
    figures = ranked([3, 2, 1, 1, 2, 3], [[0, 1, 0], [1, 0, 1]])
    assert figures["MRR@10"].value == pytest.approx((1 / 2 + 1) / 2)
    assert figures["MAP"].value == pytest.approx((1 / 2 + (1 + 2 / 3) / 2) / 2)
    assert figures["recall@1"].value == pytest.approx((0 + 1 / 2) / 2)
    assert figures.queries == 2


def test_grades_count_by_their_size() -> None:
    labels = [[1.0, 0.5, 0.25, 0.0]]
    right = ranked([4, 3, 2, 1], labels)["nDCG@10"].value
    other = ranked([3, 4, 2, 1], labels)["nDCG@10"].value
    assert right == pytest.approx(1.0)
    gains = np.array([0.5, 1.0, 0.25])
    best = np.array([1.0, 0.5, 0.25])
    cut = 1 / np.log2([2, 3, 4])
    assert other == pytest.approx(float((gains @ cut) / (best @ cut)))


def test_queries_without_a_relevant_document_are_counted() -> None:
    figures = ranked([1, 2, 2, 1], [[0, 0], [1, 0]])
    assert (figures.queries, figures.without_relevant) == (1, 1)


def test_sure_figures_are_those_of_the_probabilities() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.random(4000)
    truth = (generator.random(4000) < probabilities).astype(np.float64)
    good = SureFigures.of(probabilities, truth, 50)
    bad = SureFigures.of(np.clip(probabilities * 3 - 1, 0.01, 0.99), truth, 50)
    assert good.calibration_error.value is not None
    assert bad.calibration_error.value is not None
    assert good.calibration_error.value < 0.03 < bad.calibration_error.value
    loss = -np.where(truth > 0, np.log(probabilities), np.log(1 - probabilities)).mean()
    assert good.log_loss.value == pytest.approx(float(loss))
    assert good.accuracy == pytest.approx(float(((probabilities >= 0.5) == truth).mean()))
    assert sum(one.rows for one in good.bins) == 4000
    assert all(one.rows == 0 for one in good.bins if one.high <= 0.4)
    assert all(
        abs(one.accuracy - one.confidence) < 0.1
        for one in good.bins
        if one.accuracy is not None and one.confidence is not None and one.rows > 100
    )


def test_figures_are_stored_and_said() -> None:
    sure = SureFigures.of(np.array([0.9, 0.2]), np.array([1.0, 0.0]), 20)
    found = RerankFigures(ranked([2, 1], [[1, 0]]), 2, sure, sure)
    assert from_mapping(RerankFigures, to_mapping(found)) == found
    words = found.in_words()
    assert list(words)[:2] == ["queries", "documents"]
    assert {"nDCG@10", "log loss", "log loss, uncalibrated", "calibration error"} <= set(words)
