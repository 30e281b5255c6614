"""Questions that look for the paragraph that answers them: files, and how what is found is scored.

N questions, M paragraphs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmask.batches.draws import Draws
from unmask.bench.tasks.rows import Row, check_count, read_rows, write_rows
from unmask.bench.tasks.task import Files, Score, file_of
from unmask.evaluation.bootstrap import F64
from unmask.evaluation.ranking import by_query
from unmask.evaluation.search import Search
from unmask.pipelines.quantized import F32
from unmask.pipelines.search import search
from unmask.text.related import RelatedRow

DRAWN = 403  # stream of Draws
ARTICLES = 36  # the first ones, to learn from
DEPTH = 10  # paragraphs that are told of a question; the figures look no further
QUICK = (16, 4, 6)  # rows of each file for a quick try
QUICK_PARAGRAPHS = 96


def write_questions(files: Files, train: int, dev: int, test: int | None) -> None:
    """SQuAD 1.1's dev set (Rajpurkar et al. 2016) as questions with the paragraph of each.

    The rows to learn from are of the first articles, and those that are tested of the others. All
    paragraphs that a question is looked for among are the corpus; those of the first articles,
    which negatives may come from, stand by themselves as well.

    Args:
        files: where from and to.
        train, dev: questions of the first articles, drawn by seed 0.
        test: questions of the others, drawn likewise; None for all.
    """
    path = files.data / "squad" / "dev-v1.1.reconstructed.json"
    articles = json.loads(path.read_text("utf-8"))["data"]
    first, others = pairs(articles[:ARTICLES]), pairs(articles[ARTICLES:])
    learnt = [first[place] for place in Draws(0, 0).permutation(len(first), DRAWN)]
    asked = [others[place] for place in Draws(0, 1).permutation(len(others), DRAWN)]
    if files.quick:
        train, dev, test = QUICK
    parts = {
        "train": learnt[:train],
        "dev": learnt[train : train + dev],
        "test": others if test is None else asked[:test],
    }
    for kind, rows in parts.items():
        write_rows(files.folder / f"{kind}.csv", rows, ("question", "paragraph"))
    known, every = paragraphs(first), paragraphs([*first, *others])
    if files.quick:
        known = paragraphs([*parts["train"], *parts["dev"]])
        every = paragraphs([*parts["test"], *others])[:QUICK_PARAGRAPHS]
    for kind, texts in (("known", known), ("corpus", every)):
        write_rows(files.folder / f"{kind}.csv", [(text,) for text in texts], ("paragraph",))


def pairs(articles: Sequence[dict[str, Any]]) -> list[Row]:
    """Every question of some articles with its paragraph."""
    return [
        (question["question"], paragraph["context"])
        for article in articles
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def paragraphs(rows: Sequence[Row]) -> list[str]:
    """The different paragraphs of some pairs, in their order."""
    return list(dict.fromkeys(row[-1] for row in rows))


def asked_of(folder: Path) -> Search:
    """The N different test questions, the M paragraphs, and which belong to which."""
    rows = read_rows(file_of(folder, "test", 0))
    corpus = [text for (text,) in read_rows(file_of(folder, "corpus", 0))]
    return Search.of((RelatedRow(question, text) for question, text in rows), corpus)


def nearest(questions: F32, corpus: F32, count: int = DEPTH) -> list[list[int]]:
    """The paragraphs whose vectors are nearest to each question's by cosine, best first.

    Args:
        questions: `(N, E)`.
        corpus: `(M, E)`.
        count: of each question.
    """
    found: list[list[int]] = search(questions, corpus, count).corpus_ids.tolist()
    return found


def ranked(figure: str) -> Score:
    """A score of rankings: of each question a figure of `unmask.evaluation.ranking`, and 1."""

    def score(folder: Path, said: Sequence[Sequence[int]]) -> F64:
        asked = asked_of(folder)
        check_count(said, asked.first)
        scores = {
            str(number): {str(text): -float(place) for place, text in enumerate(one)}
            for number, one in enumerate(said)
        }
        judged = {
            str(number): {str(text): 1 for text in own} for number, own in enumerate(asked.relevant)
        }
        each = by_query(scores, judged)
        values = each.values[:, each.names.index(figure)]
        return np.stack((values, np.ones_like(values)), axis=1)

    return score
