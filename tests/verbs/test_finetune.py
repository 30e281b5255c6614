"""Fine-tuning: it learns, freezing freezes, a broken run goes on to the same bits."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tests.conftest import sentences
from tests.verbs.labelled import Interrupted, Notes, label_of, write_csv, write_table
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.pack import pack
from unmask.checkpoint.folder import Opened, open_classifier, open_encoder, save_model
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.cli.main import app
from unmask.errors import ConfigError, DataError, LabelMismatch, ResumeMismatch, TooLong
from unmask.heads.embedding import PoolingMode
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.nn.dropout import set_dropout
from unmask.nn.init import initialise
from unmask.nn.linear import Linear
from unmask.pipelines.classify import Classifier
from unmask.tokens.train import train as train_vocabulary
from unmask.train.log import read_log
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import FinetuneSettings, TuneModel, finetune_settings
from unmask.verbs.predict import predict
from unmask.verbs.tasks.frozen import HeadOnly
from unmask.verbs.tasks.labelled_data import hold_out
from unmask.verbs.tasks.rows import Rows
from unmask.verbs.tune_recipe import FROZEN_LR, Recipe

QUICK: dict[str, Any] = {"epochs": 4, "lr": 3e-3, "batch": 16, "dtype": "fp32"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data") / "train.csv")


@pytest.fixture(scope="module")
def tuned(
    tiny_model_folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneResult:
    """A finished run of the whole model."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return finetune(tiny_model_folder, train=table, out=out, **QUICK)


@pytest.fixture(scope="module")
def frozen(
    tiny_model_folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneResult:
    """A finished run of the head alone."""
    out = tmp_path_factory.mktemp("runs") / "frozen"
    return finetune(tiny_model_folder, train=table, out=out, freeze=True, **QUICK)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(open_classifier(folder).model.named_parameters())


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_it_learns_and_saves_a_classifier(tuned: FinetuneResult) -> None:
    assert tuned.finished
    assert tuned.stopped_by is None
    assert tuned.labels == ("dog", "house", "music", "other")
    assert tuned.train_rows + tuned.dev_rows == 216
    assert tuned.figures is not None
    assert tuned.figures.accuracy > 0.9
    classifier = Classifier.from_pretrained(tuned.folder)
    assert classifier.labels == tuned.labels
    texts = ["she paints a red house.", "a dog likes good music."]
    assert [a["label"] for a in classifier.predict(texts)] == [label_of(text) for text in texts]


def test_the_run_leaves_log_card_and_result(tuned: FinetuneResult) -> None:
    records = list(read_log(tuned.folder / "log.jsonl"))
    steps = [record["step"] for record in records if record["kind"] == "train"]
    assert steps == list(range(1, tuned.steps + 1))
    held_out = [record for record in records if record["kind"] == "held_out"]
    assert len(held_out) >= 4
    assert {"loss", "accuracy", "macro_f1"} <= held_out[-1].keys()
    assert tuned.figures is not None
    assert held_out[-1]["accuracy"] == pytest.approx(tuned.figures.accuracy, abs=0.05)
    card = (tuned.model / "README.md").read_text()
    assert "text-classification" in card
    assert "accuracy (dev)" in card
    assert "optim.lr | 0.003" in card
    stored = json.loads((tuned.folder / "run.json").read_text())
    assert stored["decided"]["steps"] == tuned.steps


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_a_new_head_that_reads_what_was_not_trained_says_so(
    mode: PoolingMode, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    save_sentence(tmp_path / "m", open_sentence(tiny_model_folder, pooling=mode))
    notes = Notes()
    given = {"train": table, "watch": notes, **QUICK, "epochs": 1}
    finetune(tmp_path / "m", out=tmp_path / "first", **given)
    assert notes.heard("the new head reads the first token") == (mode == "mean")
    notes = Notes()
    finetune(tmp_path / "m", out=tmp_path / "mean", **{**given, "watch": notes}, pooling="mean")
    assert not notes.heard("the new head reads the first token")


def test_a_finished_run_is_left_alone(
    tuned: FinetuneResult, tiny_model_folder: Path, table: Path
) -> None:
    before = (tuned.model / "model.safetensors").stat().st_mtime_ns
    notes = Notes()
    again = finetune(tiny_model_folder, train=table, out=tuned.folder, watch=notes, **QUICK)
    assert again == tuned
    assert notes.heard("is finished")
    assert (tuned.model / "model.safetensors").stat().st_mtime_ns == before


def test_freezing_leaves_the_encoder_bit_for_bit(
    frozen: FinetuneResult, tiny_model_folder: Path
) -> None:
    before = dict(open_encoder(tiny_model_folder).model.named_parameters())
    after = dict(open_encoder(frozen.folder).model.named_parameters())
    assert same(before, after)
    fresh = open_classifier(tiny_model_folder, labels=frozen.labels).model
    assert not torch.equal(fresh.head.project.weight, weights(frozen.folder)["head.project.weight"])
    records = read_log(frozen.folder / "log.jsonl")
    losses = [record["loss"] for record in records if record["kind"] == "held_out"]
    assert losses[-1] < losses[0]


def test_without_freezing_the_encoder_moves(tuned: FinetuneResult, tiny_model_folder: Path) -> None:
    before = dict(open_encoder(tiny_model_folder).model.named_parameters())
    after = dict(open_encoder(tuned.folder).model.named_parameters())
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(moved) == len(before)


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_broken_run_goes_on_to_the_same_bits(
    freeze: bool,
    at: float,
    tuned: FinetuneResult,
    frozen: FinetuneResult,
    tiny_model_folder: Path,
    table: Path,
    tmp_path: Path,
) -> None:
    whole = frozen if freeze else tuned
    given = {"train": table, "out": tmp_path / "run", "freeze": freeze or None, **QUICK}
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=Notes("fine-tuning", at), **given)
    assert not (tmp_path / "run" / "model").exists()
    torch.rand(7)  # whatever came before, and whatever the global generator holds
    result = finetune(tiny_model_folder, **given)
    assert same(weights(whole.folder), weights(result.folder))
    assert result.steps == whole.steps
    assert result.figures == whole.figures
    steps = [r["step"] for r in read_log(result.folder / "log.jsonl") if r["kind"] == "train"]
    assert steps == list(range(1, result.steps + 1))


def test_dropout_resumes_to_the_same_bits_too(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {"train": table, "dropout": 0.2, **QUICK}
    whole = finetune(tiny_model_folder, out=tmp_path / "whole", **given)
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, out=tmp_path / "b", watch=Notes("fine-tuning", 0.6), **given)
    broken = finetune(tiny_model_folder, out=tmp_path / "b", **given)
    assert same(weights(whole.folder), weights(broken.folder))
    plain = finetune(tiny_model_folder, out=tmp_path / "c", train=table, **QUICK)
    assert not same(weights(whole.folder), weights(plain.folder))


def test_changed_data_settings_or_model_are_refused_by_name(
    tuned: FinetuneResult,
    tiny_model_folder: Path,
    tiny_classifier_folder: Path,
    table: Path,
    tmp_path: Path,
) -> None:
    def again(**changes: Any) -> None:
        finetune(**{"model": tiny_model_folder, "train": table, "out": tuned.folder,
                    **QUICK, **changes})  # fmt: skip

    with pytest.raises(ResumeMismatch, match=r"budget\.epochs was 4 and is 5"):
        again(epochs=5)
    with pytest.raises(ResumeMismatch, match=r"model\.freeze was false and is true"):
        again(freeze=True)
    with pytest.raises(ResumeMismatch, match="the data 'dev' is new"):
        again(dev=table)
    other = write_table(tmp_path / "train.csv", sentences()[:150])
    with pytest.raises(ResumeMismatch, match="the data 'train' changed"):
        again(train=other)
    again(device="cpu", threads=torch.get_num_threads())


def test_a_wrong_label_leaves_no_run_behind(
    tiny_classifier_folder: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(LabelMismatch) as caught:
        finetune(tiny_classifier_folder, train=table, out=tmp_path / "run", **QUICK)
    said = str(caught.value)
    assert all(repr(name) in said for name in ("bad", "fine", "good", "dog", "house", "music"))
    assert not (tmp_path / "run").exists()


def test_dev_labels_must_be_those_of_the_training_rows(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    dev = write_csv(tmp_path / "dev.csv", [("a dog", "dog"), ("a cat", "cat")], ("text", "label"))
    with pytest.raises(LabelMismatch) as caught:
        finetune(tiny_model_folder, train=table, dev=dev, out=tmp_path / "run", **QUICK)
    assert "'cat' is not among them" in str(caught.value)
    assert "'dog', 'house', 'music', 'other'" in str(caught.value)


def test_a_classifier_is_trained_further_with_its_own_labels(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    rows = [(f"the {word} sees {i}", word) for i in range(8) for word in ("good", "bad", "fine")]
    table = write_csv(tmp_path / "a.csv", rows, ("text", "label"))
    notes = Notes()
    result = finetune(
        tiny_classifier_folder, train=table, out=tmp_path / "run", watch=notes, **QUICK
    )
    assert result.labels == ("bad", "fine", "good")
    assert not notes.heard("new weights")


def test_what_a_person_should_know_is_said(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    rows = [("the dog " * 40, "dog"), ("", "other"), *[("a house", "house"), ("she", "other")] * 9]
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    dev = write_csv(tmp_path / "dev.csv", [("a house", "house")], ("sentence", "class"))
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=train, dev=dev, out=tmp_path / "run", watch=notes, dtype="fp32",
        epochs=1,
    )  # fmt: skip
    assert result.truncated == 1
    for words in (
        "train.csv: text from column 'text', labels from column 'label'; 20 rows, 3 labels",
        "dev.csv: text from column 'sentence', labels from column 'class'; 1 row, 1 label",
        "1 text is empty: ",
        "1 of 20 training texts is longer than the context of 48 tokens",
        f"1 text of {dev} is in {train} as well",
        "has no row of: dog, other",
        "new weights, drawn from seed 0: head.project",
        "a learning rate of 0.001 (--lr)",
    ):
        assert notes.heard(words), words
    assert set(result.notes) <= set(notes.said)


def test_on_long_error_refuses_before_anything_is_written(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "a.csv", ["a dog", "a house", "the dog " * 40, "the house"])
    with pytest.raises(TooLong, match="on_long='truncate'"):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", on_long="error", **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a dog", "the dog"], "two or more labels to tell apart, but .* only 'dog'"),
        (["a dog", "a house"], "none; give --dev a file"),
    ],
)
def test_data_that_cannot_be_learnt_from(
    tiny_model_folder: Path, tmp_path: Path, texts: list[str], words: str
) -> None:
    table = write_table(tmp_path / "a.csv", texts)
    with pytest.raises(DataError, match=words):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", **QUICK)


def test_mean_pooling_is_asked_for_and_kept(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    result = finetune(
        tiny_model_folder, train=table, out=tmp_path / "run", pooling="mean", freeze=True, **QUICK
    )
    opened = open_classifier(result.folder)
    assert opened.model.head_config.pooling == "mean"


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_head_over_vectors_gives_what_the_model_gives(
    tiny_model_folder: Path, pooling: Any
) -> None:
    opened = open_classifier(tiny_model_folder, labels=("a", "b"), pooling=pooling)
    rows = Rows.of(["she", "", "the cat sees the piano", "a dog"], opened, "truncate")
    alone = HeadOnly.over(opened.model, rows)
    batch = pack([rows.rows[2], rows.rows[0]], samples=[2, 0])
    torch.testing.assert_close(alone(batch), opened.model(batch), rtol=1e-5, atol=1e-6)
    assert {name for name, _ in alone.named_parameters()} == {
        f"head.{name}" for name, _ in opened.model.head.named_parameters()
    }
    assert alone.state_dict().keys() == dict(alone.named_parameters()).keys()


def test_held_out_rows_are_stratified_and_share_no_text() -> None:
    from unmask.text.columns import Columns
    from unmask.text.labelled import Targeted

    dice = random.Random(0)
    labels = ["many"] * 300 + ["some"] * 60 + ["two", "two", "one"]
    texts = [f"{label} {dice.randrange(200)}" for label in labels[:-3]] + ["x", "y", "z"]
    rows = Targeted("t", Columns("text", "label"), tuple(texts), tuple(labels))
    train, dev = hold_out(rows, 0.1, 0, labels)
    assert len(train) + len(dev) == len(rows)
    assert not set(train.texts) & set(dev.texts)
    counts, all_counts = Counter(dev.labels), Counter(labels)
    assert counts["two"] == 1
    assert counts["one"] == 0
    for label in ("many", "some"):
        assert 0.04 < counts[label] / all_counts[label] < 0.18
    assert hold_out(rows, 0.1, 0, labels) == (train, dev)
    assert hold_out(rows, 0.1, 1, labels) != (train, dev)


def test_batches_hold_whole_texts_under_their_numbers(tiny_model_folder: Path) -> None:
    opened = open_classifier(tiny_model_folder, labels=("a", "b"))
    texts = ["she", "", "the cat sees the piano", "a dog"] * 10
    rows = Rows.of(texts, opened, "truncate")
    batches = rows.batches(8, seed=0)
    for epoch in range(2):
        seen: Counter[int] = Counter()
        for batch in batches.epoch(epoch):
            assert batch.samples is not None
            seen.update(batch.samples.tolist())
            parts = batch.ids.split(batch.lengths)
            for number, part in zip(batch.samples.tolist(), parts, strict=True):
                assert part.tolist() == rows.rows[number]
        assert seen == Counter(range(40))
    assert batches.steps(2) == sum(1 for e in range(2) for _ in batches.epoch(e))
    assert 4 <= batches.steps(1) <= 7


def test_dropout_is_set_in_training_only(tiny_model_folder: Path) -> None:
    opened: Opened[SequenceClassifier] = open_classifier(tiny_model_folder, labels=("a", "b"))
    set_dropout(opened.model, 0.3)
    shares = {m.p for m in opened.model.modules() if isinstance(m, torch.nn.Dropout)}
    assert shares == {0.3}
    assert opened.model.encoder.layers[0].attention.dropout == 0.0
    assert opened.model.encoder.config == opened.arch.encoder(opened.config)


def test_no_dropout_is_none_at_all(tiny_model_folder: Path) -> None:
    """Wherever a block drops units: the same batch gives the same scores twice, and not before."""
    opened: Opened[SequenceClassifier] = open_classifier(tiny_model_folder, labels=("a", "b"))
    model, batch = opened.model.train(), pack([[1, 5, 6, 7, 2], [1, 8, 2]])
    for module in model.encoder.modules():
        if isinstance(module, Linear):
            module.dropout = 0.5  # as a published configuration may have it
    assert not torch.equal(model(batch), model(batch))
    set_dropout(model, 0.0)
    assert torch.equal(model(batch), model(batch))


@pytest.mark.parametrize(
    ("width", "rows", "freeze", "lr"),
    [(128, 10_000, False, 1e-3), (768, 10_000, False, 5e-5), (768, 10_000, True, FROZEN_LR)],
)
def test_the_recipe_goes_by_width(width: int, rows: int, freeze: bool, lr: float) -> None:
    settings = FinetuneSettings(model=TuneModel(freeze=freeze))
    recipe = Recipe.of(settings, width, rows)
    assert recipe.optim.lr == lr
    assert f"{lr:g} (--lr)" in recipe.note
    assert recipe.optim.muon_lr == 0.0


def test_little_data_is_read_more_often_and_what_is_given_stays() -> None:
    few, many = (Recipe.of(FinetuneSettings(), 768, rows).epochs for rows in (100, 100_000))
    assert few > many
    given = Recipe.of(finetune_settings(lr=1e-4, epochs=2), 768, 100)
    assert (given.optim.lr, given.epochs, given.note) == (1e-4, 2, "")


def test_words_are_learnt_in_small_batches_unless_told_otherwise() -> None:
    recipe = Recipe.of(finetune_settings(task="tag"), 384, 3394)
    assert (recipe.batch, recipe.dropout) == (16, 0.1)
    assert recipe.optim.lr == pytest.approx(1.5e-4)
    chosen = "4 epochs (--epochs), batches of 16 (--batch) and a dropout of 0.1 (--dropout)"
    assert recipe.note.endswith(f"(--lr), {chosen}")
    for given in ({"batch": 32}, {"freeze": True}, {"lora": 4}, {"task": "classify"}):
        usual = Recipe.of(finetune_settings(**{"task": "tag", **given}), 384, 3394)
        assert usual.batch == 32
        assert "batches" not in usual.note
        drops = given == {"batch": 32}
        assert usual.dropout == (0.1 if drops else 0.0)
        assert ("(--dropout)" in usual.note) is drops
        assert "(--lr)" in usual.note
    given = Recipe.of(finetune_settings(task="tag", batch=32, dropout=0.0), 384, 3394)
    assert (given.optim.lr, given.dropout) == (2e-4, 0.0)
    assert given.note.endswith("(--lr) and 4 epochs (--epochs)")


def test_settings_from_recipe_options_and_overrides() -> None:
    base = {"optim": {"lr": 0.1, "clip": 2.0}, "schedule": {"shape": "cosine"}}
    settings = finetune_settings(base, {"optim": {"clip": 3.0}}, lr=0.2, freeze=None)
    assert (settings.optim.lr, settings.optim.clip) == (0.2, 3.0)
    assert settings.schedule.shape == "cosine"
    assert settings.schedule.warmup == FinetuneSettings().schedule.warmup
    assert dataclasses.replace(settings) == settings
    with pytest.raises(ConfigError, match="unknown setting 'epoch'"):
        finetune_settings(epoch=3)
    with pytest.raises(ConfigError, match="nearest is 'freeze'"):
        finetune_settings({"model": {"frezze": True}})
    for bad in ({"dev_share": 1.0}, {"dropout": 1.0}, {"batch": 0}, {"task": "rank"}, {"lr": -1.0}):
        with pytest.raises(ConfigError):
            Recipe.of(finetune_settings(**bad), 64, 10)


def test_a_recipe_as_on_the_command_line(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The command goes on with the run that Python made, so that both have the same settings."""
    table, config, out = write_table(tmp_path / "t.csv"), tmp_path / "r.toml", tmp_path / "run"
    config.write_text("[model]\nfreeze = true\n[budget]\nepochs = 3\nbatch = 16\n")
    given: dict[str, Any] = {"epochs": 1, "seed": 4, "threads": 1}
    result = finetune(tiny_model_folder, train=table, out=out, config=config, **given)
    stored = json.loads((out / "run.json").read_text())["settings"]
    assert stored["model"]["freeze"] is True
    assert (stored["budget"]["epochs"], stored["budget"]["batch"]) == (1, 16)
    words = ["finetune", tiny_model_folder, "--train", table, "--out", out, "--config", config]
    words += [word for name, value in given.items() for word in (f"--{name}", value)]
    done = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["steps"] == result.steps
    with pytest.raises(ConfigError, match="settings says all of the run, but config="):
        finetune(
            tiny_model_folder, train=table, out=tmp_path / "other", config=config,
            settings=FinetuneSettings(),
        )  # fmt: skip
    assert not (tmp_path / "other").exists()


def test_real_intents_are_learnt_by_a_tiny_model(shared_data: Path, tmp_path: Path) -> None:
    with (shared_data / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = sorted({row["category"] for row in rows})[:8]
    few = [(row["text"], row["category"]) for row in rows if row["category"] in kept]
    table = write_csv(tmp_path / "train.csv", few, ("text", "category"))
    tokenizer = train_vocabulary((text for text, _ in few), vocab_size=800)
    arch = arch_of("bert")
    config = sized_config(
        "bert", "1x64", vocab_size=tokenizer.vocab_size, context=64, pad_token_id=tokenizer.pad_id
    )
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, 0.02, 1, torch.Generator().manual_seed(0))
    save_model(tmp_path / "lm", model.eval(), arch=arch, config=config, tokenizer=tokenizer)
    result = finetune(
        tmp_path / "lm", train=table, out=tmp_path / "run", lr=3e-3, epochs=5, pooling="mean"
    )
    assert result.figures is not None
    assert result.figures.accuracy > 0.7
    assert result.labels == tuple(kept)


def test_ten_thousand_labels(tiny_model_folder: Path, tmp_path: Path) -> None:
    """More than a tokenizer has tokens: a head as large is trained, saved and asked."""
    texts = sentences()
    rows = [(f"{texts[n % 216]} {n}", f"label {n}") for n in range(10_000)]
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    dev = write_csv(tmp_path / "dev.csv", rows[::100], ("text", "label"))
    result = finetune(
        tiny_model_folder, train=train, dev=dev, out=tmp_path / "run",
        **{**QUICK, "epochs": 1, "batch": 2000},
    )  # fmt: skip
    assert (result.finished, result.train_rows, result.dev_rows) == (True, 10_000, 100)
    assert len(result.labels) == 10_000
    records = [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "train"]
    assert records[0]["loss"] == pytest.approx(math.log(10_000), abs=0.5)
    assert records[-1]["step"] < 10
    new = write_csv(tmp_path / "new.csv", [(texts[0],), (texts[1],)], ("text",))
    out = tmp_path / "answers.jsonl"
    predict(result.folder, input=new, output=out, scores=True)
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(answers) == 2
    for row in answers:
        assert row["predicted"] in result.labels
        assert sorted(row["scores"]) == sorted(result.labels)
        assert sum(row["scores"].values()) == pytest.approx(1)
