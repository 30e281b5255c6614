"""Options that every task has: LoRA, rates by layer, the best weights, patience, seeds."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tests.conftest import sentences
from tests.verbs.labelled import Interrupted, Notes, write_csv, write_table
from tests.verbs.test_finetune_answer import squad
from tests.verbs.test_finetune_pair import pairs
from tests.verbs.test_finetune_tag import sentences as tagged
from tests.verbs.test_finetune_tag import write as write_conll
from tests.verbs.test_finetune_targets import numbers, sets, write_jsonl
from unmask.checkpoint.folder import open_classifier, open_encoder
from unmask.checkpoint.state import latest_state, load_state
from unmask.cli.main import app
from unmask.errors import ConfigError, DataError, ResumeMismatch
from unmask.pipelines.classify import Classifier
from unmask.text import rows as text_rows
from unmask.train.log import read_log
from unmask.verbs.evaluate import evaluate
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import (
    FinetuneSettings,
    TuneBudget,
    TuneModel,
    finetune_settings,
)
from unmask.verbs.tasks.trained import goal_of
from unmask.verbs.tune_recipe import LORA_LR, Recipe

QUICK: dict[str, Any] = {"epochs": 3, "lr": 3e-3, "batch": 16, "dtype": "fp32", "threads": 1}
WRITERS: dict[str, Callable[[Path], Path]] = {
    "classify": lambda folder: write_table(folder / "train.csv"),
    "sets": lambda folder: write_jsonl(folder / "train.jsonl", sets()),
    "pair": lambda folder: write_csv(
        folder / "train.csv", pairs(), ("premise", "hypothesis", "label")
    ),
    "regress": lambda folder: write_csv(folder / "train.csv", numbers(), ("text", "label")),
    "tag": lambda folder: write_conll(folder / "train.conll", tagged(60)),
    "answer": lambda folder: squad(folder / "train.json", 10),
}
METRICS = {
    "classify": "accuracy", "sets": "micro_f1", "pair": "accuracy", "regress": "loss", "tag": "f1",
    "answer": "f1",
}  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data") / "train.csv")


@pytest.fixture(scope="module")
def lora(
    tiny_model_folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinetuneResult, Notes]:
    out, notes = tmp_path_factory.mktemp("runs") / "lora", Notes()
    given = {**QUICK, "lr": 1e-2, "epochs": 6}
    return finetune(tiny_model_folder, train=table, out=out, lora=8, watch=notes, **given), notes


def task_of(name: str) -> str:
    return "classify" if name == "sets" else name


def digest(result: FinetuneResult) -> str:
    return hashlib.sha256((result.model / "model.safetensors").read_bytes()).hexdigest()


def held_out(result: FinetuneResult) -> list[dict[str, Any]]:
    return [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "held_out"]


# LoRA


def test_lora_gives_an_ordinary_model(
    lora: tuple[FinetuneResult, Notes], tiny_model_folder: Path, table: Path
) -> None:
    result, notes = lora
    assert result.figures is not None
    assert result.figures.accuracy > 0.9
    before = dict(open_encoder(tiny_model_folder).model.named_parameters())
    after = dict(open_encoder(result.folder).model.named_parameters())
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    ends = ("qkv.weight", "out.weight", "up.weight", "down.weight")
    assert moved == {name for name in before if name.endswith(ends)}
    # Each matrix moved by a product of rank 8 and no more.
    for name in moved:
        values = torch.linalg.svdvals((after[name] - before[name]).double())
        assert values[8] < 1e-4 * values[0], name
    # The figures are those of the folder, through other code.
    figures = evaluate(result.folder, data=table, threads=1).figures
    assert figures.accuracy > 0.9
    said = f"LoRA of rank 8 on qkv, out, up, down: {result.trained:,} parameters are trained"
    assert notes.heard(said)
    head = sum(p.numel() for p in open_classifier(result.folder).model.head.parameters())
    # Thin matrices of two layers: 64 to 192 and back to 64, and the gated block's.
    encoder = open_encoder(result.folder).model
    thin = sum(8 * sum(before[name].shape) for name in moved)
    assert result.trained == thin + head
    assert result.trained < sum(p.numel() for p in encoder.parameters()) / 3
    card = (result.model / "README.md").read_text()
    assert "model.lora | 8" in card
    assert "fine-tuned with matrices of rank 8 beside those of the encoder (LoRA)" in card
    assert f"parameters trained | {result.trained:,}" in card


def test_a_state_of_lora_is_small(
    lora: tuple[FinetuneResult, Notes], tiny_model_folder: Path
) -> None:
    found = latest_state(lora[0].folder)
    assert found is not None
    names = load_state(found.path)["model"].keys()
    assert all(".adapter." in name or name.startswith("head.") for name in names)


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_lora_resumes_to_the_same_bits(
    at: float, lora: tuple[FinetuneResult, Notes], tiny_model_folder: Path, table: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    given = {**QUICK, "train": table, "out": tmp_path, "lora": 8, "lr": 1e-2, "epochs": 6}
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=Notes("fine-tuning", at), **given)
    torch.rand(3)
    assert digest(finetune(tiny_model_folder, **given)) == digest(lora[0])


def test_lora_settings_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r"--freeze and --lora 8 are both given; leave one"):
        finetune_settings(freeze=True, lora=8)
    with pytest.raises(ConfigError, match=r"lora_alpha=16 would do nothing without a rank"):
        finetune_settings({"model": {"lora_alpha": 16.0}})
    with pytest.raises(ConfigError, match=r"a rank of at least 1.* not 0"):
        finetune_settings(lora=0)
    with pytest.raises(ConfigError, match="must be one of qkv, out, up, down, not 'query'"):
        finetune_settings({"model": {"lora": 4, "lora_targets": ["query"]}})
    with pytest.raises(ConfigError, match=r"layer_decay=0\.9 would do nothing, since --freeze"):
        finetune_settings(freeze=True, layer_decay=0.9)
    with pytest.raises(ConfigError, match=r"above 0 and at most 1, not 1\.5"):
        finetune_settings(layer_decay=1.5)
    for bad in ({"patience": 0}, {"eval_every": 0.0}, {"seeds": 0}):
        with pytest.raises(ConfigError, match=r"must be (above|at least)"):
            finetune_settings(**bad)


def test_the_rate_of_lora_is_its_own() -> None:
    recipe = Recipe.of(FinetuneSettings(model=TuneModel(lora=8)), 384, 10_000)
    assert recipe.optim.lr == LORA_LR
    assert f"chosen for LoRA, by the encoder's width of 384 and 10,000 rows: a learning rate of " \
        f"{LORA_LR:g} (--lr)" in recipe.note  # fmt: skip


# Rates by layer


def test_layer_decay_moves_low_layers_less(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    before = dict(open_encoder(tiny_model_folder).model.named_parameters())

    def moved(**given: Any) -> list[float]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        result = finetune(tiny_model_folder, train=table, out=out, **QUICK, **given)
        after = dict(open_encoder(result.folder).model.named_parameters())
        return [
            sum((after[n] - before[n]).abs().mean().item() for n in before if part in n)
            for part in ("embedding.tokens", "layers.0.mlp", "layers.1.mlp")
        ]

    notes = Notes()
    plain, falling = moved(), moved(layer_decay=0.1, watch=notes)
    assert notes.heard("learning rates fall with depth: all of it for the head, 0.1 of it to 0.01")
    assert notes.heard("from the last of 2 layers to the first, 0.001 for the embeddings")
    table_, first, last = (own / whole for own, whole in zip(falling, plain, strict=True))
    assert table_ < first / 3 < last / 9
    assert last < 0.3


def test_layer_decay_resumes_to_the_same_bits(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {"train": table, "layer_decay": 0.8, "patience": 5, **QUICK}
    settings = finetune_settings(
        {"optim": {"muon_lr": 0.01}}, **{k: v for k, v in given.items() if k != "train"}
    )
    whole = finetune(tiny_model_folder, train=table, out=tmp_path / "a", settings=settings)
    with pytest.raises(Interrupted):
        finetune(
            tiny_model_folder, train=table, out=tmp_path / "b", settings=settings,
            watch=Notes("fine-tuning", 0.5),
        )  # fmt: skip
    broken = finetune(tiny_model_folder, train=table, out=tmp_path / "b", settings=settings)
    assert digest(whole) == digest(broken)


# The best weights, and patience


@pytest.mark.parametrize("name", METRICS)
def test_each_task_keeps_the_weights_that_its_metric_calls_best(
    name: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """The figures of the finished model are those of the evaluation that was best."""
    result = finetune(
        tiny_model_folder, task=task_of(name), train=WRITERS[name](tmp_path), out=tmp_path / "run",
        eval_every=0.5, **QUICK,
    )  # fmt: skip
    kept, records = result.kept, held_out(result)
    assert kept is not None
    assert (kept.metric, kept.best, kept.stopped) == (METRICS[name], True, None)
    assert len(records) >= 4
    values = [record[kept.metric] for record in records]
    best = min(values) if kept.metric == "loss" else max(values)
    chosen = next(record for record in records if record["step"] == kept.step)
    assert chosen[kept.metric] == kept.figures[kept.metric] == best
    assert any("with the best" in note and "on the dev rows" in note for note in result.notes)
    assert FinetuneResult.read(result.folder) == result
    assert (
        f"weights kept | after epoch {kept.epoch:g}: the best"
        in (result.model / "README.md").read_text()
    )


def test_the_saved_model_is_the_best_one_and_not_the_last(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    """Labels that nothing tells: the longer it learns them, the surer it is of what is wrong."""
    dice = random.Random(0)
    rows = [(text, dice.choice("ab")) for text in sentences()]
    table = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    given = {**QUICK, "epochs": 8, "metric": "loss"}
    best = finetune(tiny_model_folder, train=table, out=tmp_path / "best", **given)
    settings = finetune_settings({"budget": {"best": False}}, **given)
    last = finetune(tiny_model_folder, train=table, out=tmp_path / "last", settings=settings)
    assert best.kept is not None
    assert last.kept is not None
    assert (last.kept.best, last.kept.step, last.kept.epoch) == (False, last.steps, 8)
    assert held_out(best) == held_out(last)
    assert best.kept.step < best.steps
    losses = [record["loss"] for record in held_out(best)]
    assert best.kept.figures["loss"] == min(losses) < losses[-1] == last.kept.figures["loss"]
    weights = [
        load_state(run.folder / "checkpoints" / f"step-{run.steps:08d}") for run in (best, last)
    ]
    assert torch.equal(weights[0]["model"]["head.project.weight"],
                       weights[1]["model"]["head.project.weight"])  # fmt: skip
    for run, state in ((best, weights[0]["best"]["weights"]), (last, weights[1]["model"])):
        saved = open_classifier(run.folder).model.head.project.weight
        assert torch.equal(saved, state["head.project.weight"])
    assert not any("with the best" in note for note in last.notes)


@pytest.mark.parametrize("freeze", [None, True])
def test_patience_ends_a_run_that_is_then_finished_and_resumes_alike(
    freeze: bool | None, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {**QUICK, "lr": 0.03, "epochs": 30, "train": table, "patience": 2, "freeze": freeze}
    notes = Notes()
    whole = finetune(tiny_model_folder, out=tmp_path / "a", watch=notes, **given)
    kept = whole.kept
    assert whole.finished
    assert kept is not None
    assert kept.stopped is not None
    assert kept.epoch < kept.stopped < 30
    assert notes.heard(f"ended after epoch {kept.stopped:g} of 30: 2 evaluations in a row")
    steps = [r["step"] for r in read_log(whole.folder / "log.jsonl") if r["kind"] == "train"]
    assert steps == list(range(1, whole.steps + 1))
    share = whole.steps / json.loads((whole.folder / "run.json").read_text())["decided"]["steps"]
    for name, at in (("b", share / 2), ("c", share - 0.001)):
        with pytest.raises(Interrupted):
            finetune(
                tiny_model_folder, out=tmp_path / name, watch=Notes("fine-tuning", at), **given
            )
        broken = finetune(tiny_model_folder, out=tmp_path / name, **given)
        assert digest(broken) == digest(whole)
        assert (broken.kept, broken.figures, broken.steps) == (kept, whole.figures, whole.steps)
    # Killed after the last state and before the model was written.
    shutil.rmtree(whole.model)
    again = finetune(tiny_model_folder, out=whole.folder, **given)
    assert digest(again) == digest(broken)
    assert (again.kept, again.figures) == (kept, whole.figures)


def test_the_metric_may_be_another_that_the_task_has(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    result = finetune(tiny_model_folder, train=table, out=tmp_path / "a", metric="loss", **QUICK)
    assert result.kept is not None
    losses = [record["loss"] for record in held_out(result)]
    assert result.kept.figures["loss"] == min(losses)
    with pytest.raises(ConfigError, match="one of accuracy, macro_f1, loss, not 'f1'"):
        finetune(tiny_model_folder, train=table, out=tmp_path / "b", metric="f1", **QUICK)
    assert not (tmp_path / "b").exists()


def test_a_task_that_is_not_measured_has_no_patience() -> None:
    assert goal_of(TuneBudget(), (), "embed") is None
    with pytest.raises(ConfigError, match="embed is not measured while it trains"):
        goal_of(TuneBudget(patience=2), (), "embed")


# Seeds


def test_seeds_share_the_held_out_rows_and_the_best_model_is_kept(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {**QUICK, "epochs": 2, "seed": 4, "seeds": 3, "train": table}
    notes, out = Notes(), tmp_path / "run"
    result = finetune(tiny_model_folder, out=out, watch=notes, **given)
    each = [FinetuneResult.read(out / f"seed-{seed}") for seed in (4, 5, 6)]
    assert result.seeds is not None
    assert result.seeds.seeds == (4, 5, 6)
    assert len({digest(one) for one in each}) == 3
    accuracies = tuple(one.figures.accuracy for one in each if one.figures is not None)
    (spread,) = [one for one in result.seeds.figures if one.name == "accuracy"]
    assert spread.values == accuracies
    assert spread.low is not None
    assert spread.low <= spread.mean <= spread.high  # type: ignore[operator]
    best = accuracies.index(max(accuracies))
    assert result.seeds.best == 4 + best
    assert digest(result) == digest(each[best])
    assert result.figures == each[best].figures
    assert result.steps == sum(one.steps for one in each)
    # What is held out is the same, and is what the first seed alone would hold out.
    alone = finetune(tiny_model_folder, out=tmp_path / "alone", **{**given, "seeds": 1})
    assert digest(alone) == digest(each[0])
    assert {one.dev_rows for one in each} == {alone.dev_rows}
    stored = [json.loads((one.folder / "run.json").read_text())["settings"] for one in each]
    assert [(s["run"]["seed"], s["data"]["split_seed"]) for s in stored] == [(4, 4), (5, 4), (6, 4)]
    # The model opens by the run's name, the result is read again, and nothing is trained twice.
    assert Classifier.from_pretrained(out).labels == result.labels
    assert FinetuneResult.read(out) == result
    assert finetune(tiny_model_folder, out=out, watch=notes, **given) == result
    assert notes.heard(f"{out} is finished")
    card = (result.model / "README.md").read_text()
    assert "# run\n" in card
    assert f"seeds | 4, 5, 6; model/ is that of seed {4 + best}" in card
    assert str(result.model) in card
    assert "seed-" not in card.split("## Use")[1].split("## Data")[0]


def test_seeds_hold_out_the_same_texts(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    """Seen from outside: a seed's own run, told to split by the first, gives the same bits."""
    given = {**QUICK, "epochs": 1, "train": table}
    finetune(tiny_model_folder, out=tmp_path / "both", seeds=2, **given)
    other = {**given, "settings": finetune_settings(
        {"data": {"split_seed": 0}}, seed=1, **{k: v for k, v in given.items() if k != "train"}
    )}  # fmt: skip
    single = finetune(
        tiny_model_folder, train=table, out=tmp_path / "one", settings=other["settings"]
    )
    assert digest(single) == digest(FinetuneResult.read(tmp_path / "both" / "seed-1"))


def test_broken_seeds_go_on_where_they_were(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {**QUICK, "epochs": 2, "seeds": 2, "train": table}
    whole = finetune(tiny_model_folder, out=tmp_path / "a", **given)

    class Second(Notes):
        """Dies in the middle of the second seed."""

        def say(self, words: str) -> None:
            super().say(words)
            if words.startswith("seed 1, 2 of 2"):
                self.fail_in, self.at = "fine-tuning", 0.6

    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, out=tmp_path / "b", watch=Second(), **given)
    first = (tmp_path / "b" / "seed-0" / "model" / "model.safetensors").stat().st_mtime_ns
    assert not (tmp_path / "b" / "model").exists()
    broken = finetune(tiny_model_folder, out=tmp_path / "b", **given)
    assert digest(broken) == digest(whole)
    assert broken.seeds == whole.seeds
    after = (tmp_path / "b" / "seed-0" / "model" / "model.safetensors").stat().st_mtime_ns
    assert after == first
    with pytest.raises(ResumeMismatch, match=r"run\.seeds was 2 and is 3"):
        finetune(tiny_model_folder, out=tmp_path / "b", **{**given, "seeds": 3})


def test_bad_data_leave_no_folder_of_seeds(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = write_csv(tmp_path / "a.csv", [("a dog", "dog"), ("a cat", "dog")], ("text", "label"))
    with pytest.raises(DataError):
        finetune(tiny_model_folder, train=train, out=tmp_path / "run", seeds=2, **QUICK)
    assert not (tmp_path / "run").exists()


# Recipes, and all tasks


@pytest.mark.parametrize("name", WRITERS)
def test_a_recipe_says_it_all_for_any_task(
    name: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """Through the command line: every option of this page, for every task, from one file."""
    train, config = WRITERS[name](tmp_path), tmp_path / "run.toml"
    config.write_text(
        f"""
        task = "{task_of(name)}"
        [model]
        lora = 4
        lora_alpha = 8.0
        lora_targets = ["qkv", "down"]
        [optim]
        lr = 0.01
        layer_decay = 0.9
        [budget]
        epochs = 4
        batch = 16
        eval_every = 0.5
        patience = 4
        [run]
        dtype = "fp32"
        threads = 1
        """
    )
    words = ["finetune", tiny_model_folder, "--train", train, "--out", tmp_path / "run",
             "--config", config, "--epochs", "2", "--json"]  # fmt: skip
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["task"] == task_of(name)
    assert result["kept"]["metric"] == METRICS[name]
    assert result["trained"] > 0
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (stored["budget"]["epochs"], stored["optim"]["layer_decay"]) == (2, 0.9)
    assert stored["model"]["lora_targets"] == ["qkv", "down"]


def test_options_of_the_command_line_and_its_table_of_seeds(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    words = ["finetune", tiny_model_folder, "--train", table, "--out", tmp_path / "run",
             "--lora", "4", "--layer-decay", "0.9", "--patience", "2", "--eval-every", "0.5",
             "--metric", "macro_f1", "--seeds", "2", "--epochs", "2", "--threads", "1",
             "--lr", "0.01"]  # fmt: skip
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "seeds" in done.stdout
    assert "0, 1; model/ is that of seed" in done.stdout
    assert "an interval takes 3 seeds" in done.stdout or "at each seed" in done.stdout
    assert f"unmask predict {tmp_path / 'run'}" in done.stdout


def test_the_table_is_looked_at_once(
    tiny_model_folder: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = text_rows._columns

    def counted(path: Path, name: str, *more: Any) -> tuple[str, ...]:
        looked.append(name)
        return look(path, name, *more)

    monkeypatch.setattr(text_rows, "_columns", counted)
    dev = write_table(tmp_path / "dev.csv")
    finetune(
        tiny_model_folder, train=table, dev=dev, out=tmp_path / "run", **{**QUICK, "epochs": 1}
    )
    assert looked == [str(table), str(dev)]
