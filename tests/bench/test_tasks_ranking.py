"""The tasks that find paragraphs: files, scores, what is to be beaten, and the arms themselves."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bench.test_tasks import stored, task_of  # noqa: F401
from tests.conftest import sentences
from unmask.bench.process import resolve
from unmask.bench.tasks.compare import by_seed
from unmask.bench.tasks.page import page
from unmask.bench.tasks.paragraphs import asked_of, nearest, ranked, write_questions
from unmask.bench.tasks.report import load, results, save
from unmask.bench.tasks.rows import read_rows, right, write_rows
from unmask.bench.tasks.runs import Runs
from unmask.bench.tasks.task import TRAINING, Asked, Files, Given
from unmask.checkpoint.jsonfile import write_json
from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64
from unmask.pipelines.embed import Embedder

PEERS = all(
    importlib.util.find_spec(name) for name in ("sentence_transformers", "datasets", "accelerate")
)
needs_peer = pytest.mark.skipif(
    not PEERS, reason="needs sentence-transformers with datasets and accelerate"
)
SAID = {"hardware": {"processor": "one", "threads": 1, "cores": 1}, "versions": {}}
OURS, THEIRS = "unmask.bench.tasks.ours_ranking", "unmask.bench.tasks.peers_ranking"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty articles of two paragraphs with three questions each."""
    articles = [
        {
            "title": f"article {n}",
            "paragraphs": [
                {
                    "context": f"paragraph {part} of {n}",
                    "qas": [{"id": "", "question": f"question {k}, {part}, {n}"} for k in range(3)],
                }
                for part in range(2)
            ],
        }
        for n in range(40)
    ]
    (tmp_path / "squad").mkdir()
    write_json(tmp_path / "squad" / "dev-v1.1.reconstructed.json", {"data": articles})
    return tmp_path


def articles_of(rows: Sequence[tuple[str, ...]]) -> set[int]:
    return {int(row[-1].split()[-1]) for row in rows}


def test_questions_are_split_by_article(data: Path) -> None:
    folder = data / "task"
    write_questions(Files(data, folder, (0,), quick=False), 50, 20, None)
    parts = {path.stem: read_rows(path) for path in folder.glob("*.csv")}
    sizes = {"train": 50, "dev": 20, "test": 24, "known": 72, "corpus": 80}
    assert {kind: len(rows) for kind, rows in parts.items()} == sizes
    assert articles_of(parts["test"]) == {36, 37, 38, 39}
    assert articles_of(parts["known"]) == set(range(36))
    assert max(articles_of(parts["train"])) < 36
    assert max(articles_of(parts["dev"])) < 36
    assert not {row[0] for row in parts["train"]} & {row[0] for row in parts["dev"]}
    assert len(articles_of(parts["train"])) > 20  # drawn from all of them


def test_some_test_questions_are_drawn_and_always_the_same(data: Path) -> None:
    drawn = []
    for name in ("one", "other"):
        write_questions(Files(data, data / name, (0,), quick=False), 50, 20, 10)
        drawn.append(read_rows(data / name / "test.csv"))
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 10
    assert len(read_rows(data / "one" / "corpus.csv")) == 80


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three test questions, one of them with two paragraphs, among five."""
    rows = [("a", "p1"), ("b", "p3"), ("c", "p0"), ("a", "p2")]
    write_rows(tmp_path / "test.csv", rows, ("question", "paragraph"))
    write_rows(tmp_path / "corpus.csv", [(f"p{n}",) for n in range(5)], ("paragraph",))
    return tmp_path


def test_rankings_are_scored_by_the_place_of_their_paragraphs(folder: Path) -> None:
    asked = asked_of(folder)
    assert asked.first == ("a", "b", "c")
    assert asked.relevant == (frozenset({1, 2}), frozenset({3}), frozenset({0}))
    said = [[1, 0, 2], [0, 1, 3], [1, 2, 3]]
    second = 1 / math.log2(3)
    both = (1 + 1 / math.log2(4)) / (1 + second)
    scores = ranked("nDCG@10")(folder, said)
    assert scores[:, 0] == pytest.approx([both, 1 / math.log2(4), 0.0])
    assert scores[:, 1].tolist() == [1.0, 1.0, 1.0]
    assert ranked("MRR@10")(folder, said)[:, 0] == pytest.approx([1.0, 1 / 3, 0.0])
    with pytest.raises(DataError, match="each of 3 test rows needs a prediction"):
        ranked("MRR@10")(folder, said[:2])


def test_figures_are_those_of_our_own_evaluation(folder: Path) -> None:
    from unmask.evaluation.embedding import Vectors

    dice, asked = np.random.default_rng(0), asked_of(folder)
    first, second = (dice.standard_normal((n, 8)).astype(np.float32) for n in (3, 5))
    said = nearest(first, second)
    theirs = asked.figures(Vectors(first, second, "cosine"))
    wanted = {one.name: one.value.value for one in theirs.figures}
    for name in ("nDCG@10", "MRR@10"):
        assert by_seed(ranked(name)(folder, said)[None]) == [pytest.approx(wanted[name])]
    assert nearest(first, second, 2) == [one[:2] for one in said]


def halves(folder: Path, said: Sequence[str]) -> F64:
    """Half of what is right."""
    scores = right(folder, said)
    return np.stack((scores[:, 0] / 2, scores[:, 1]), axis=1)


def test_an_arm_that_draws_nothing_runs_once_and_is_beaten_in_every_figure(
    stored: Runs,  # noqa: F811
    tmp_path: Path,
) -> None:
    task = task_of(tmp_path, 1, 2, 15)
    once = replace(task.arms[2], seeds=1)
    task = replace(
        task,
        arms=(*task.arms[:2], once),
        asked=Asked(0.15, faster=1.0, beats="arm 2"),
        also={"half": halves},
    )
    (row,) = results(stored, [task], run=True)
    assert [one.seeds for one in row.arms] == [[0, 1, 2], [0, 1, 2], [0]]
    assert len((tmp_path / "diary").read_text().splitlines()) == 7
    assert row.arms[0].also["half"].value == pytest.approx(0.45)
    whats = [one.what for one in row.verdicts]
    assert whats[1:] == ["trains no slower", "accuracy above arm 2's", "half above arm 2's"]
    assert all(one.reached for one in row.verdicts)
    assert row.verdicts[2].found.startswith("+0.650 (+")  # 0.9 and 0.25
    save(tmp_path / "results.json", [row], 1)
    said, found = load(tmp_path / "results.json")
    assert found == [row]
    assert "); half 0.450 (0." in page([(said, found)])
    alike = replace(task, name="alike", asked=Asked(0.15, beats="arm 1"), also={})
    (row,) = results(stored, [alike], run=True)
    assert [one.reached for one in row.verdicts] == [True, False]  # 0 lies in the interval


def test_nothing_is_as_fast_as_an_arm_that_does_not_train(
    stored: Runs,  # noqa: F811
    tmp_path: Path,
) -> None:
    task = replace(
        task_of(tmp_path, 1, 15, slow=(1.0, 0.0)), asked=Asked(None, faster=2.0, beats="arm 1")
    )
    (row,) = results(stored, [task], run=True)
    assert row.ratios == []
    assert [one.what for one in row.verdicts] == ["accuracy above arm 1's"]
    assert ") | - | reached |" in page([({**SAID, "date": "2026-01-01"}, [row])])


QUESTIONS = [(text.split()[-1], text) for text in sentences()[::9]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a task, a few rows each."""
    root = tmp_path_factory.mktemp("ranking")
    parts = {"train": QUESTIONS[:12], "dev": QUESTIONS[12:16], "test": QUESTIONS[16:]}
    for kind, rows in parts.items():
        write_rows(root / f"{kind}.csv", rows, ("question", "paragraph"))
    for kind in ("known", "corpus"):
        write_rows(root / f"{kind}.csv", [(text,) for _, text in QUESTIONS], ("paragraph",))
    return root


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding model with random weights."""
    folder = tmp_path_factory.mktemp("ranking") / "model"
    Embedder.from_pretrained(tiny_model_folder, pooling="mean").save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "function",
    [
        f"{OURS}:untuned",
        f"{OURS}:embed",
        f"{OURS}:rerank",
        pytest.param(f"{THEIRS}:embed", marks=needs_peer),
        pytest.param(f"{THEIRS}:rerank", marks=needs_peer),
    ],
)
def test_arms_rank_paragraphs_for_every_question(
    function: str, files: Path, model: Path, tmp_path: Path
) -> None:
    more = {"lr": 1e-3, "batch": 6}
    if function.endswith("rerank"):
        more |= {"negatives": 2, "candidates": 12}
    given = Given(
        str(files), str(model), str(tmp_path / "out"), str(tmp_path / "said"), 0, 1, 1, more
    )
    measured = resolve(function)(given)
    said = json.loads((tmp_path / "said").read_text())
    asked = asked_of(files)
    assert len(said) == len(asked.first) == measured.work
    assert all(len(set(one)) == 10 for one in said)
    assert {place for one in said for place in one} <= set(range(len(QUESTIONS)))
    assert measured.seconds >= measured.facts[TRAINING] >= 0
    assert (measured.facts[TRAINING] > 0) is not function.endswith("untuned")
    assert ranked("MRR@10")(files, said).shape == (len(said), 2)
