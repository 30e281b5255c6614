"""The tasks that answer questions from a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmask.batches.draws import Draws
from unmask.bench.tasks.rows import QUICK_ROWS, check_count
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow, file_of
from unmask.checkpoint.jsonfile import write_json
from unmask.evaluation.answering import agreements
from unmask.evaluation.bootstrap import F64
from unmask.text.questions import read_questions

SAMPLE = 402  # stream of Draws
TRAIN, DEV = 3000, 300  # questions of the first articles: to learn from, and for the dev figures
EPOCHS = 2

Article = dict[str, Any]


def questions(version: str, articles: int) -> Callable[[Files], None]:
    """SQuAD's dev set (Rajpurkar et al. 2016, 2018): so many first articles to learn from."""

    def prepare(files: Files) -> None:
        path = files.data / "squad" / f"dev-v{version}.reconstructed.json"
        whole = json.loads(path.read_text("utf-8"))["data"]
        first, rest = whole[:articles], whole[articles:]
        asked = [qa["id"] for article in first for qa in _questions(article)]
        order = Draws(0, 0).permutation(len(asked), SAMPLE)
        sizes = (QUICK_ROWS, QUICK_ROWS // 2) if files.quick else (TRAIN, DEV)
        train = {asked[place] for place in order[: sizes[0]]}
        dev = {asked[place] for place in order[sizes[0] : sum(sizes)]}
        tests = [qa["id"] for article in rest for qa in _questions(article)]
        test = set(tests[:QUICK_ROWS] if files.quick else tests)
        files.folder.mkdir(parents=True, exist_ok=True)
        for kind, source, ids in (
            ("train", first, train),
            ("dev", first, dev),
            ("test", rest, test),
        ):
            said = {"version": version, "data": _only(source, ids)}
            write_json(files.folder / f"{kind}.json", said)

    return prepare


def _questions(article: Article) -> list[dict[str, Any]]:
    return [qa for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


def _only(articles: Sequence[Article], ids: set[str]) -> list[Article]:
    """The articles with these questions alone."""
    kept = []
    for article in articles:
        paragraphs = []
        for paragraph in article["paragraphs"]:
            if qas := [qa for qa in paragraph["qas"] if qa["id"] in ids]:
                paragraphs.append({**paragraph, "qas": qas})
        if paragraphs:
            kept.append({**article, "paragraphs": paragraphs})
    return kept


def agreed(folder: Path, said: Sequence[str]) -> F64:
    """`(N, 2)` of each question: F1 of the answer with the nearest right one, and 1."""
    truths = [
        [one.text for one in row.answers] for row in read_questions(file_of(folder, "test", 0)).rows
    ]
    check_count(said, truths)
    f1 = agreements(list(said), truths)[:, 1]
    return np.stack((f1, np.ones_like(f1)), axis=1)


def _arms(negative: bool) -> tuple[Contestant, ...]:
    return (
        Contestant("unmask finetune", "unmask.bench.tasks.ours:answer", EPOCHS),
        Contestant(
            "transformers run_qa's recipe",
            "unmask.bench.tasks.peers_answer:answer",
            EPOCHS,
            {"lr": 3e-5, "batch": 12, "negative": negative},
        ),
    )


ANSWER = (
    TaskRow(
        "squad-1.1",
        "SQuAD 1.1, 3,000 questions of 36 articles to learn from and all of 12 to test",
        "F1",
        questions("1.1", 36),
        agreed,
        _arms(negative=False),
        Asked(0.02),
        seeds=1,
    ),
    TaskRow(
        "squad-2.0",
        "SQuAD 2.0, 3,000 questions of 26 articles to learn from and all of 9 to test",
        "F1",
        questions("2.0", 26),
        agreed,
        _arms(negative=True),
        Asked(0.02),
        seeds=1,
    ),
)
