"""`unmask pretrain --objective nsp|sop`: from text to a folder that others open, and go on from."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import unmask
from tests.verbs.labelled import Notes
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_classifier, open_encoder, open_model
from unmask.errors import ConfigError, ModelError, TextError
from unmask.evaluation.pairs import PairEvaluation
from unmask.heads.model import PretrainingModel
from unmask.text.sentences import splitter
from unmask.train.log import read_log
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_pairs import TextPairsEvaluation
from unmask.verbs.evaluate_text import LanguageModelEvaluation
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings
from unmask.verbs.watch import Advance, Silent

FIGURES = {"loss", "top1", "top5", "pairs_accuracy", "pairs_base"}
CLASSES = {"bert": "BertForPreTraining", "albert": "AlbertForPreTraining"}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of some lines, and a few of one."""
    dice = random.Random(1)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru") for b in ("n", "s", "ta", "ve")]
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    with path.open("w") as file:
        for number in range(200):
            lines = [
                " ".join(dice.choices(words, k=dice.randint(2, 5)))
                for _ in range(dice.randint(2, 6) if number % 20 else 1)
            ]
            file.write(json.dumps({"text": "\n".join(lines)}) + "\n")
    return path


def run(
    text: Path, out: Path, watch: Any = None, over: dict[str, Any] | None = None, **more: Any
) -> PretrainResult:
    base: dict[str, Any] = {
        "text": {"held_out": 0.2},
        "model": {"context": 32},
        "budget": {"tokens_per_step": 512, "accumulate": 2},
        "run": {"threads": 1, "seed": 3},
    }
    if "from_" not in more:
        base["model"] |= {"arch": "bert", "size": "1x64"}
        base["tokenizer"] = {"vocab_size": 150}
    settings = pretrain_settings(base, over, text=str(text), **{"steps": 6, **more})
    return pretrain(out=out, settings=settings, watch=watch)


@pytest.fixture(scope="module")
def made(text: Path, tmp_path_factory: pytest.TempPathFactory) -> PretrainResult:
    return run(text, tmp_path_factory.mktemp("nsp") / "run", objective="nsp")


@pytest.mark.parametrize(("arch", "objective"), [("bert", "nsp"), ("albert", "sop")])
def test_trains_and_saves_what_transformers_opens(
    arch: str, objective: str, text: Path, tmp_path: Path
) -> None:
    notes = Notes()
    result = run(text, tmp_path / "run", notes, arch=arch, objective=objective)
    assert result.finished
    assert result.fills
    assert set(result.held_out) == FIGURES
    assert 0.5 <= result.held_out["pairs_base"] < 0.7
    assert any("have a single sentence, of which no pair can be made" in n for n in notes.said)
    steps = [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "train"]
    assert all(set(r["terms"]) == {"tokens", "pairs"} for r in steps)
    assert all(
        r["loss"] == pytest.approx(r["terms"]["tokens"]["loss"] + r["terms"]["pairs"]["loss"])
        for r in steps
    )
    theirs, report = transformers.AutoModelForPreTraining.from_pretrained(
        result.model, output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    assert type(theirs).__name__ == CLASSES[arch]
    opened = open_model(result.model)
    assert isinstance(opened.model, PretrainingModel)
    assert opened.aside == ()
    ids, segments = opened.tokenizer.layout.pair.wrap([7, 8, 9], [10, 11])
    with torch.no_grad():
        out = theirs.eval()(torch.tensor([ids]), token_type_ids=torch.tensor([segments]))
        tokens, pairs = opened.model(pack([ids], segments=[segments]), torch.arange(len(ids)))
    torch.testing.assert_close(tokens, out[0][0], atol=1e-5, rtol=0)
    torch.testing.assert_close(pairs, out[1], atol=1e-5, rtol=0)
    card = (result.model / "README.md").read_text()
    assert "pairs told right, held-out" in card
    assert "pairs.negatives" in card


def test_the_folder_serves_as_a_language_model_does(made: PretrainResult, text: Path) -> None:
    fill = unmask.FillMask.from_pretrained(made.model)
    assert len(fill("kan [MASK] los", top_k=3)) == 3
    told = evaluate(made.model, text=text)
    assert isinstance(told, LanguageModelEvaluation)
    pooler = open_model(made.model).model.pairs.transform.dense.weight
    classifier = open_classifier(made.model, labels=("no", "yes"))
    assert classifier.new == ("head.project.weight", "head.project.bias")
    assert torch.equal(classifier.model.head.transform.dense.weight, pooler)
    assert torch.equal(open_encoder(made.model).kept["pooler.dense.weight"], pooler)
    vectors = unmask.Embedder.from_pretrained(made.model, pooling="mean").encode(["kan los"])
    assert vectors.shape == (1, 64)


@pytest.mark.parametrize("kind", ["nsp", "sop"])
def test_pairs_of_other_text_are_told(kind: Any, made: PretrainResult, text: Path) -> None:
    """Whatever it learnt by: the folder does not say."""
    found = evaluate(made.model, text=text, task=kind, most_tokens=2000, threads=1)
    assert isinstance(found, TextPairsEvaluation)
    opened = open_model(made.model, "pretraining")
    assert isinstance(opened.model, PretrainingModel)
    documents = [json.loads(line)["text"] for line in text.read_text("utf-8").splitlines()]
    tasks = PairEvaluation.over(
        opened.tokenizer,
        lambda: iter(documents),
        kind=kind,
        cut=splitter("lines"),
        context=32,
        most_tokens=2000,
    )
    told = found.as_dict()
    assert {name: told[name] for name in FIGURES} == pytest.approx(tasks(opened.model))
    assert found.pairs == sum(len(batch) for batch in tasks.pairs)
    assert (found.kind, found.splitter) == (kind, "lines")
    assert f"{found.pairs_accuracy:.1%}" in found.in_words()["told right"]


def test_pairs_that_cannot_be_told_are_refused(
    made: PretrainResult, tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"not learnt to tell pairs .*--objective sop, or leave"):
        evaluate(tiny_model_folder, text=text, task="sop", threads=1)
    with pytest.raises(
        ConfigError, match=r"--task nsp makes pairs of text .*: give it --text FILE"
    ):
        evaluate(made.model, task="nsp", threads=1)
    lone = tmp_path / "lone.txt"
    lone.write_text("\n\n".join(["kan los mis"] * 100))
    with pytest.raises(TextError, match=r"measured on: .*--splitter sentences.*or give more of it"):
        evaluate(made.model, text=lone, task="nsp", threads=1)


def test_a_run_goes_on_from_it_and_from_a_language_model(
    made: PretrainResult, text: Path, tmp_path: Path
) -> None:
    notes = Notes()
    run(text, tmp_path / "more", notes, from_=str(made.model), objective="sop")
    assert not any("drawn anew" in note or "set aside" in note for note in notes.said)
    plain = run(text, tmp_path / "lm", objective="mlm")
    run(text, tmp_path / "pairs", notes, from_=str(plain.model), objective="nsp")
    drawn = [note for note in notes.said if "drawn anew" in note]
    assert len(drawn) == 1
    assert "of the heads for tokens and pairs that it needs, pairs.transform.dense" in drawn[0]
    # And the other way round: a language model from one with a head for pairs.
    again = Notes()
    run(text, tmp_path / "back", again, from_=str(made.model), objective="mlm")
    assert not any("drawn anew" in note for note in again.said)


class Stopping(Silent):
    """Sends this process one signal in the middle of training."""

    sent = False

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        def advance(share: float, words: str) -> None:
            if title == "pretraining" and share >= 0.5 and not self.sent:
                self.sent = True
                os.kill(os.getpid(), signal.SIGTERM)

        yield advance


@pytest.mark.parametrize("objective", ["nsp", "sop"])
def test_stopped_and_gone_on_equals_uninterrupted(
    objective: str, text: Path, tmp_path: Path
) -> None:
    """More than an epoch, so that pairs are cut anew in between; bit for bit."""
    alone = run(text, tmp_path / "alone", objective=objective, steps=24)
    stopped = run(text, tmp_path / "other", Stopping(), objective=objective, steps=24)
    assert (stopped.stopped_by, stopped.finished) == (signal.SIGTERM, False)
    assert 0 < stopped.steps < 24
    resumed = run(text, tmp_path / "other", objective=objective, steps=24)
    assert resumed.sessions == 2
    assert resumed.held_out == alone.held_out
    assert resumed.counts == alone.counts
    digests = [
        hashlib.sha256((result.model / "model.safetensors").read_bytes()).hexdigest()
        for result in (alone, resumed)
    ]
    assert digests[0] == digests[1]
    epochs = {r["epoch"] for r in read_log(alone.folder / "log.jsonl") if r["kind"] == "train"}
    assert len(epochs) > 1


@pytest.mark.parametrize(
    ("short", "over", "words"),
    [
        ({"arch": "roberta"}, {}, "give --objective mlm or .*, or --arch bert or --arch albert"),
        ({"arch": "decoder"}, {}, "give --objective clm, or --arch bert or --arch albert"),
        ({"objective": "mlm"}, {"splitter": "sentences"}, "pairs.splitter=sentences would do n"),
        ({}, {"negatives": 1.0}, "negatives must lie between 0 and 1, not be 1.0"),
        ({}, {"weight": 0.0}, "weight must be above 0 and finite, not 0.0; .*--objective mlm"),
    ],
)
def test_what_cannot_be_served_is_refused_before_any_work(
    short: dict[str, str], over: dict[str, Any], words: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        run(text, tmp_path / "run", over={"pairs": over}, **{"objective": "nsp", **short})
    assert not (tmp_path / "run").exists()


def test_a_model_of_one_segment_is_refused(
    made: PretrainResult, text: Path, tmp_path: Path
) -> None:
    config = transformers.AutoConfig.from_pretrained(made.model)
    config.type_vocab_size = 1
    folder = tmp_path / "one"
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    open_model(made.model).tokenizer.save_pretrained(folder)
    with pytest.raises(ConfigError, match="apart by segments, but this bert has 1"):
        run(text, tmp_path / "run", from_=str(folder), objective="nsp")


@pytest.mark.parametrize("objective", ["nsp", "sop"])
def test_text_without_neighbours_is_refused_before_training(objective: str, tmp_path: Path) -> None:
    path = tmp_path / "text.jsonl"
    words = [f"{a}{b}" for a in "bcdf" for b in "aeiou"]
    path.write_text("".join(f'{{"text": "{a} {b}"}}\n' for a in words for b in words))
    with pytest.raises(TextError, match=r"at least two sentences.*--set pairs\.splitter=sent"):
        run(path, tmp_path / "run", objective=objective)
    assert not (tmp_path / "run" / "log.jsonl").exists()
