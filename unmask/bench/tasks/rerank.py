"""The task that puts what vectors found in a better order."""

from __future__ import annotations

from unmask.bench.tasks.paragraphs import ranked, write_questions
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow

TRAIN, DEV, TEST = 1000, 50, 500  # questions
RECIPE = {"lr": 2e-4, "batch": 32, "negatives": 4, "candidates": 50}
ALONE = Contestant("bi-encoder alone", "unmask.bench.tasks.ours_ranking:untuned", 0, seeds=1)


def reranking(files: Files) -> None:
    """Questions to learn from, and some of the other articles, drawn by seed 0."""
    write_questions(files, TRAIN, DEV, TEST)


RERANK = (
    TaskRow(
        "rerank",
        "rerank the 50 paragraphs of 2,067 that untuned vectors find: SQuAD 1.1, 1,000 questions "
        "of 36 articles with four mined negatives each to learn from, 500 of the other 12, drawn "
        "by seed 0, to test",
        "nDCG@10",
        reranking,
        ranked("nDCG@10"),
        (
            Contestant("unmask finetune", "unmask.bench.tasks.ours_ranking:rerank", 1, RECIPE),
            Contestant(
                "sentence-transformers CrossEncoder, ListNetLoss",
                "unmask.bench.tasks.peers_ranking:rerank",
                1,
                RECIPE,
            ),
            ALONE,
        ),
        Asked(0.02, faster=1.0, beats=ALONE.name),
        seeds=1,
        also={"MRR@10": ranked("MRR@10")},
    ),
)
