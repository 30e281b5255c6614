"""Training as arms of a comparison: both loops do the same work, and their losses fall alike."""

from __future__ import annotations

import csv
import importlib.util
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.bench import prepare_training, training, training_peers
from unmask.bench.arm import Arm
from unmask.bench.measures_training import MEASURES_TRAINING
from unmask.bench.prepare_training import START, bert_recipe, opened, save_start
from unmask.bench.stepping import Stepping, Training
from unmask.errors import ConfigError, DataError
from unmask.tokens.train import train

PEERS = all(importlib.util.find_spec(name) for name in ("transformers", "accelerate"))
needs_trainer = pytest.mark.skipif(not PEERS, reason="Trainer needs transformers and accelerate")
WORDS = [
    *("the", "cat", "dog", "sat", "ran", "on", "under", "a", "mat", "tree", "while", "birds"),
    *("sang", "and", "rain", "fell", "softly"),
]


@dataclass(frozen=True)
class Here:
    """A folder to work in."""

    work: str
    quick: bool = True


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options of the arms: some hundred lines, a small vocabulary, BERT of 2 layers."""
    work = tmp_path_factory.mktemp("training")
    draws = np.random.default_rng(0)
    # Counting them keeps the lines apart, and so all of them are kept.
    lines = [
        f"{number} " + " ".join(draws.choice(WORDS, draws.integers(2, 20))) for number in range(400)
    ]
    (work / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    train(lines, kind="wordpiece", vocab_size=200).save_pretrained(work / "vocabulary")
    recipe = bert_recipe(work / "lines.txt", work / "vocabulary", size="1x64", context=128)
    save_start(work, recipe)
    return {"work": str(work), "recipe": recipe}


def test_batches_hold_so_many_lines_each_once(made: dict[str, Any]) -> None:
    _, _, pieces = opened(Path(made["work"]), made["recipe"])
    batches = training.by_lines(pieces.source)
    seen = np.concatenate(batches.numbers(0))
    assert len(seen) == len(set(seen.tolist())) == len(batches.over.sequences) // 64 * 64
    assert [len(batch) for batch in batches.epoch(0)] == [64] * (len(seen) // 64)
    assert [sorted(n) for n in batches.first(7)[-1:]] == [sorted(batches.numbers(1)[1])]


@pytest.mark.parametrize("order", training.ORDERS)
def test_own_loop_goes_on_where_it_stood(made: dict[str, Any], order: str) -> None:
    arm = training.pretraining(**made, dtype="fp32", order=order, steps=3)
    runs = [arm.run() for _ in range(6)]
    assert [run.facts["step"] for run in runs] == [3, 6, 9, 12, 15, 18]
    assert runs[-1].facts["held_out_loss"] < runs[0].facts["held_out_loss"] - 0.1
    assert sum(run.work for run in runs) == arm.loop.position.tokens


class Loop:
    """Three steps, and who did what: the threads that computed anything."""

    def __init__(self, steps: int) -> None:
        self.steps, self.threads = steps, set[int]()

    def make(self, stepping: Stepping) -> Training:
        def train() -> None:
            stepping.stand()
            for loss in (3.0, 2.0, 1.0):
                self.threads.add(threading.get_ident())
                stepping.told(loss)

        def after() -> dict[str, float]:
            self.threads.add(threading.get_ident())
            return {"number": float(torch.get_num_threads())}

        self.threads.add(threading.get_ident())
        return Training(train, [5, 6, 7], self.steps, after)


def test_stepping_goes_on_and_hands_on_what_stops_the_loop() -> None:
    arm = Stepping(Loop(2).make)
    first = arm.run()
    assert (first.work, first.facts["loss"], first.facts["step"]) == (11.0, 2.5, 2.0)
    with pytest.raises(ConfigError, match="at its end after 3 steps"):
        arm.run()
    arm = Stepping(Loop(1).make)
    assert [arm.run().work for _ in range(3)] == [5.0, 6.0, 7.0]


def test_a_loop_that_cannot_be_made_says_why() -> None:
    def make(stepping: Stepping) -> Training:
        raise DataError("no text")

    with pytest.raises(DataError, match="no text"):
        Stepping(make)


def test_one_thread_computes() -> None:
    """Two would have two pools of threads, and more of them than there are cores."""
    loop = Loop(3)
    facts = Stepping(loop.make).run().facts
    assert len(loop.threads) == 1
    assert threading.get_ident() not in loop.threads
    assert facts["number"] == torch.get_num_threads()


def test_texts_are_grouped_whole() -> None:
    assert training_peers.grouped_ids([[1, 2, 3], [4, 5], [6, 7]], 3) == [[1, 2, 3], [4, 5, 6]]


def test_tables_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test\.csv"):
        prepare_training.finetuning(Here(str(tmp_path)))


def test_a_smoke_test_leaves_the_next_run_its_own_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(work: Path, most: int) -> list[str]:
        return [f"line {number}" for number in range(most)]

    monkeypatch.setattr(prepare_training, "docstring_lines", lines)
    monkeypatch.setattr(prepare_training, "minilm", lambda: tmp_path)
    monkeypatch.setattr(prepare_training, "save_start", lambda work, recipe: None)
    made = []
    for quick in (True, False, True):
        told = prepare_training.pretraining(Here(str(tmp_path), quick))
        (text,) = told["recipe"]["text"]["paths"]
        made.append((told["work"], len(Path(text).read_text("utf-8").splitlines())))
    assert [count for _, count in made] == [2_000, 24_000, 2_000]
    assert made[0] == made[2]
    assert made[0][0] != made[1][0]  # tokens and first weights are kept there too


def test_goals_name_arms() -> None:
    for measure in MEASURES_TRAINING:
        names = [spec.name for spec in measure.arms]
        assert len(set(names)) == len(names)
        for goal in measure.goals:
            assert {goal.of, *goal.against} <= set(names)
        for spec in measure.arms:
            module, _, function = spec.make.partition(":")
            assert callable(getattr(importlib.import_module(module), function))


def losses(arm: Arm, steps: int) -> list[float]:
    """The loss of each step, and behind them the held-out loss after the last."""
    runs = [arm.run().facts for _ in range(steps)]
    return [*(one["loss"] for one in runs), runs[-1]["held_out_loss"]]


@needs_trainer
def test_both_losses_begin_and_fall_alike(made: dict[str, Any]) -> None:
    ours = losses(training.pretraining(**made, dtype="fp32", steps=1), 40)
    theirs = losses(training_peers.masked_lm(**made, loop="default", steps=1), 40)
    assert len(ours) == len(theirs) == 41
    assert ours[0] == pytest.approx(theirs[0], abs=0.1)
    # The last is held out. Theirs has dropout, and its warm-up is one step behind.
    assert ours[-1] < ours[0] - 1
    assert ours[-1] == pytest.approx(theirs[-1], abs=0.3)


@needs_trainer
def test_all_of_the_trainer_is_in_one_thread(
    made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[int]] = {}

    def watched(name: str) -> None:
        usual = getattr(training_peers, name)

        def noted(*args: Any, **options: Any) -> Any:
            seen.setdefault(name, set()).add(threading.get_ident())
            return usual(*args, **options)

        monkeypatch.setattr(training_peers, name, noted)

    for name in ("opened", "trainer", "held_out", "held_out_loss"):
        watched(name)
    training_peers.masked_lm(**made, loop="default", steps=1, total=1).run()
    (thread,) = set.union(*seen.values())
    assert len(seen) == 4
    assert thread != threading.get_ident()


@needs_trainer
def test_held_out_loss_is_the_same_of_the_same_weights(made: dict[str, Any]) -> None:
    import transformers

    settings, prepared, pieces = opened(Path(made["work"]), made["recipe"])
    tasks = training.held_out(prepared, settings.model.context)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(str(Path(made["work"]) / START))
    ours = tasks(pieces.model.eval())["loss"]
    assert training_peers.held_out_loss(theirs, tasks) == pytest.approx(ours, abs=1e-4)


@needs_trainer
def test_trainer_leaves_no_folder_and_comes_to_its_end(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    arm = training_peers.masked_lm(**made, loop="default", steps=2, total=2)
    assert arm.run().facts["step"] == 2
    with pytest.raises(ConfigError, match="at its end after 2 steps"):
        arm.run()
    assert list(tmp_path.glob("tmp*")) == []  # PyTorch keeps a folder of its own there


@needs_trainer
@pytest.mark.parametrize("loop", ["default", "grouped-128"])
def test_trainer_reads_the_same_tokens(made: dict[str, Any], loop: str) -> None:
    theirs = training_peers.masked_lm(**made, loop=loop, steps=3, total=12)
    ours = training.pretraining(**made, dtype="fp32", steps=3)
    a, b = theirs.run(), ours.run()
    assert a.facts["step"] == b.facts["step"] == 3
    assert a.work == b.work if loop == "default" else a.work == pytest.approx(b.work, rel=0.5)


@needs_trainer
def test_fine_tuning_learns_in_both(made: dict[str, Any], tmp_path: Path) -> None:
    rows = [
        (f"{word} {n}", "cat" if word == "cat" else "dog")
        for n in range(180)
        for word in ("cat", "dog")
    ]
    for name, some in (("train", rows[:320]), ("test", rows[320:])):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "category"), *some])
    tables = {name: str(tmp_path / f"{name}.csv") for name in ("train", "test")}
    tuning = {**tables, "model": str(Path(made["work"]) / START), "lr": 3e-3, "batch": 8}
    ours = training.finetuning(tuning, "fp32", steps=None).run()
    theirs = training_peers.classifier(tuning, steps=None).run()
    assert (ours.facts["accuracy"], theirs.facts["accuracy"]) == (1.0, 1.0)
