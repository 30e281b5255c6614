"""The tasks that put what vectors found in a better order."""

from __future__ import annotations

from collections.abc import Callable

from unmask.bench.tasks.paragraphs import ranked, write_questions
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow

TRAIN, TEST = 2000, 500  # questions to learn from, and to test
FEW_TRAIN, FEW_TEST = 300, 100  # beside a peer that takes several times as long
DEV = 50  # for the dev figures
RECIPE = {"lr": 2e-4, "batch": 32, "negatives": 4, "candidates": 50}
OURS = Contestant(
    "unmask finetune",
    "unmask.bench.tasks.ours_ranking:rerank",
    1,
    {**RECIPE, "pooling": "mean"},
)
ALONE = Contestant("bi-encoder alone", "unmask.bench.tasks.ours_ranking:untuned", 0, seeds=1)
CROSS = Contestant(
    "sentence-transformers CrossEncoder, ListNetLoss",
    "unmask.bench.tasks.peers_ranking:rerank",
    1,
    RECIPE,
)


def questions(train: int, test: int) -> Callable[[Files], None]:
    """So many questions to learn from, and so many of the other articles, drawn by seed 0."""
    return lambda files: write_questions(files, train, DEV, test)


def _what(train: int, test: int) -> str:
    return (
        "rerank the 50 of 2,067 paragraphs that untuned vectors find: SQuAD 1.1, "
        f"{train:,} questions of 36 articles with four mined negatives each to learn from, "
        f"{test} of the other 12 to test, all drawn by seed 0"
    )


RERANK = (
    TaskRow(
        "rerank",
        _what(TRAIN, TEST),
        "nDCG@10",
        questions(TRAIN, TEST),
        ranked("nDCG@10"),
        (OURS, ALONE),
        Asked(None, beats=ALONE.name),
        also={"MRR@10": ranked("MRR@10")},
    ),
    TaskRow(
        "rerank-few",
        _what(FEW_TRAIN, FEW_TEST),
        "nDCG@10",
        questions(FEW_TRAIN, FEW_TEST),
        ranked("nDCG@10"),
        (OURS, CROSS, ALONE),
        Asked(None, faster=1.0),
        seeds=1,
        also={"MRR@10": ranked("MRR@10")},
    ),
)
