"""The arms themselves, on a tiny model: ours, and the peers where they are installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sentences
from tests.verbs.labelled import label_of
from unmask.bench.arm import Measured
from unmask.bench.process import resolve
from unmask.bench.tasks.rows import write_rows
from unmask.bench.tasks.task import TRAINING, Given
from unmask.checkpoint.jsonfile import write_json

PEERS = all(importlib.util.find_spec(name) for name in ("transformers", "accelerate"))
needs_trainer = pytest.mark.skipif(not PEERS, reason="Trainer needs transformers and accelerate")
OURS, THEIRS = "unmask.bench.tasks.ours", "unmask.bench.tasks.peers"
LR = {"lr": 1e-3, "batch": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind, a few rows each, told apart by folders."""
    root = tmp_path_factory.mktemp("tasks")
    for kind, some in (("train", sentences()[::5]), ("dev", sentences()[1::7]), ("test", TEST)):
        write_rows(root / "one" / f"{kind}.csv", [(text, label_of(text)) for text in some])
        pairs = [(text, text.upper(), label_of(text)) for text in some]
        write_rows(root / "pair" / f"{kind}.csv", pairs)
        (root / "tag").mkdir(exist_ok=True)
        lines = ("".join(f"{w}\t{tag_of(w)}\n" for w in text.split()) for text in some)
        (root / "tag" / f"{kind}.conll").write_text("\n".join(lines))
        qas = [
            {
                "id": str(n),
                "question": "what is seen?",
                "answers": [{"text": text.split()[-1], "answer_start": text.rindex(" ") + 1}],
            }
            for n, text in enumerate(some)
        ]
        paragraphs = [{"context": t, "qas": [qa]} for t, qa in zip(some, qas, strict=True)]
        (root / "answer").mkdir(exist_ok=True)
        said = {"version": "1.1", "data": [{"title": kind, "paragraphs": paragraphs}]}
        write_json(root / "answer" / f"{kind}.json", said)
    return root


TEST = sentences()[2::13]


def tag_of(word: str) -> str:
    return "B-thing" if word in ("dog", "house", "music.", "river.") else "O"


def ran(
    function: str, data: Path, model: Path, tmp_path: Path, epochs: int = 2, **more: Any
) -> tuple[Measured, list[Any]]:
    given = Given(
        str(data), str(model), str(tmp_path / "out"), str(tmp_path / "said"), 0, 1, epochs, more
    )
    measured = resolve(function)(given)
    said = json.loads((tmp_path / "said").read_text())
    assert measured.seconds >= measured.facts[TRAINING] > 0
    assert len(said) == len(TEST) == measured.work
    return measured, said


@pytest.mark.parametrize(
    ("function", "kind"),
    [("classify", "one"), ("few_shot", "one"), ("pair", "pair"), ("tag", "tag")],
)
def test_ours_say_something_of_every_row(
    function: str, kind: str, folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    _, said = ran(f"{OURS}:{function}", folder / kind, tiny_model_folder, tmp_path)
    if kind == "tag":
        sizes = [len(text.split()) for text in TEST]
        assert [len(one.split()) for one in said] == sizes
    else:
        assert set(said) <= {"dog", "house", "music", "other"}


def test_our_answers_are_words_of_their_texts(
    folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    _, said = ran(f"{OURS}:answer", folder / "answer", tiny_model_folder, tmp_path)
    assert all(one in text for one, text in zip(said, TEST, strict=True))


@needs_trainer
@pytest.mark.parametrize(("function", "kind"), [("classify", "one"), ("classify", "pair")])
def test_the_trainers_labels(
    function: str, kind: str, folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    _, said = ran(f"{THEIRS}:{function}", folder / kind, tiny_model_folder, tmp_path, **LR)
    assert set(said) <= {"dog", "house", "music", "other"}
    assert (tmp_path / "out" / "config.json").is_file()


@needs_trainer
def test_the_trainers_tags(folder: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    _, said = ran(f"{THEIRS}:tag", folder / "tag", tiny_model_folder, tmp_path, epochs=12, **LR)
    right = [
        one == " ".join(map(tag_of, text.split())) for one, text in zip(said, TEST, strict=True)
    ]
    assert sum(right) > 0.8 * len(TEST)  # so that words and their tokens go together


@needs_trainer
@pytest.mark.parametrize("negative", [False, True])
def test_the_trainers_answers(
    negative: bool,
    folder: Path,
    tiny_model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from unmask.bench.tasks import peers_answer

    monkeypatch.setattr(peers_answer, "LENGTH", 24)
    monkeypatch.setattr(peers_answer, "SHARED", 8)
    _, said = ran(
        "unmask.bench.tasks.peers_answer:answer", folder / "answer", tiny_model_folder, tmp_path,
        epochs=12, negative=negative, **LR,
    )  # fmt: skip
    right = [
        one == text.split()[-1].rstrip(".") or one == text.split()[-1]
        for one, text in zip(said, TEST, strict=True)
    ]
    assert sum(right) > 0.6 * len(TEST)
