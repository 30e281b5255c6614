"""The task that finds the paragraph that answers a question, by vectors."""

from __future__ import annotations

from unmask.bench.tasks.paragraphs import ranked, write_questions
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow

TRAIN, DEV = 800, 100  # pairs of the first articles: to learn from, and for the dev figures
RECIPE = {"lr": 5e-5, "batch": 32}  # the defaults of `unmask finetune` for this width
UNTUNED = Contestant("untuned", "unmask.bench.tasks.ours_ranking:untuned", 0, seeds=1)


def retrieval(files: Files) -> None:
    """Some pairs to learn from, and all questions of the other articles."""
    write_questions(files, TRAIN, DEV, None)


EMBED = (
    TaskRow(
        "embed",
        f"question to paragraph: SQuAD 1.1, {TRAIN:,} questions of 36 articles to learn from, all "
        "of the other 12 over the 2,067 paragraphs of all",
        "nDCG@10",
        retrieval,
        ranked("nDCG@10"),
        (
            Contestant("unmask finetune", "unmask.bench.tasks.ours_ranking:embed", 1, RECIPE),
            Contestant(
                "sentence-transformers, MultipleNegativesRankingLoss",
                "unmask.bench.tasks.peers_ranking:embed",
                1,
                RECIPE,
            ),
            UNTUNED,
        ),
        Asked(0.01, by="interval", faster=1.0, beats=UNTUNED.name),
        also={"MRR@10": ranked("MRR@10")},
    ),
)
