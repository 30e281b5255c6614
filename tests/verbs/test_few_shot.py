"""`finetune --few-shot`: texts of a label are drawn together, and a linear head is fitted."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import sentences
from tests.verbs.labelled import Interrupted, Notes, label_of, write_csv, write_table
from unmask.checkpoint.folder import open_classifier
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import CheckpointError, ConfigError, DataError
from unmask.evaluation.probe import Probe
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.classify import Classifier
from unmask.train.log import read_log
from unmask.verbs.evaluate import evaluate
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import finetune_settings
from unmask.verbs.task_settings import FEW_STRENGTH
from unmask.verbs.tasks.few_shot import as_few_shot
from unmask.verbs.tasks.pieces import Given
from unmask.verbs.tasks.rows import Rows
from unmask.verbs.tune_recipe import FEW_EPOCHS, FEW_PRETRAINED, Recipe
from unmask.verbs.watch import Silent

QUICK: dict[str, Any] = {
    "few_shot": True, "epochs": 4, "lr": 1e-3, "batch": 16, "dtype": "fp32"
}  # fmt: skip
HELD = {**QUICK, "dev_share": 0.2}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data") / "train.csv", sentences()[::5])


@pytest.fixture(scope="module")
def tuned(
    tiny_model_folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneResult:
    out = tmp_path_factory.mktemp("runs") / "few"
    return finetune(tiny_model_folder, train=table, out=out, **HELD)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(open_classifier(folder).model.named_parameters())


def test_it_learns_and_saves_a_classifier_like_any_other(
    tuned: FinetuneResult, table: Path
) -> None:
    assert tuned.finished
    assert tuned.labels == ("dog", "house", "music", "other")
    assert tuned.figures is not None
    assert tuned.figures.accuracy > 0.8
    texts = ["she paints a red house.", "a dog likes good music."]
    answers = Classifier.from_pretrained(tuned.folder).predict(texts)
    assert [answer["label"] for answer in answers] == [label_of(text) for text in texts]
    assert evaluate(tuned.folder, data=table).figures.accuracy > 0.9  # type: ignore[union-attr]


def test_the_last_layer_is_a_logistic_regression_on_the_vectors(
    tuned: FinetuneResult, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    dev = write_table(tmp_path / "dev.csv", sentences()[1::9])
    over = {"few_shot": {"names": False}}
    given: dict[str, Any] = {"train": table, "dev": dev, "out": tmp_path / "run", "over": over}
    result = finetune(tiny_model_folder, **given, **QUICK)
    opened = open_classifier(result.folder)
    model, texts = opened.model, sentences()[::5]
    assert isinstance(model, SequenceClassifier)
    rows = Rows.of(texts, opened, "error")
    read = rows.read(lambda batch: list(model.vectors(batch)), torch.device("cpu"))
    labels = [label_of(text) for text in texts]
    probe = Probe.fit(torch.stack(read).numpy(), labels, strength=FEW_STRENGTH)
    weight, bias = probe.layer(opened.labels)
    assert np.allclose(model.head.project.weight.detach().numpy(), weight, atol=1e-4)
    assert np.allclose(model.head.project.bias.detach().numpy(), bias, atol=1e-3)


def test_the_log_has_the_loss_and_dev_figures_of_a_fitted_head(tuned: FinetuneResult) -> None:
    records = list(read_log(tuned.folder / "log.jsonl"))
    held_out = [record for record in records if record["kind"] == "held_out"]
    assert len(held_out) == 4
    assert tuned.figures is not None
    assert held_out[-1]["accuracy"] == pytest.approx(tuned.figures.accuracy, abs=1e-9)
    losses = [record["loss"] for record in records if record["kind"] == "train"]
    assert losses[-1] < losses[0]
    card = (tuned.model / "README.md").read_text()
    assert "a logistic regression as its head" in card
    assert not any("new weights" in note for note in tuned.notes)


def test_names_of_labels_are_learnt_from_where_they_help(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    # The tiny model knows no meanings: what helps is that a name stands in the texts it names.
    words = ("dog", "house", "music", "garden", "book")
    rows = [(f"{word} {other}", word) for word in words for other in ("the", "a", "red")]
    table = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    dev = write_csv(tmp_path / "dev.csv", [(word, word) for word in words], ("text", "label"))
    notes = Notes()
    given = {"train": table, "dev": dev, "watch": notes, **QUICK, "epochs": 1}
    named = finetune(tiny_model_folder, out=tmp_path / "named", **given)
    assert notes.heard("the names of the labels, such as 'book', are read as texts too")
    assert named.figures is not None
    assert named.figures.accuracy == 1.0
    over = {"few_shot": {"names": False}}
    plain = finetune(tiny_model_folder, out=tmp_path / "plain", over=over, **given)
    one, two = weights(named.folder), weights(plain.folder)
    assert not torch.equal(one["head.project.bias"], two["head.project.bias"])
    # The encoder has read them too.
    name = "encoder.layers.0.attention.out.weight"
    assert not torch.equal(one[name], two[name])


def test_names_that_mislead_are_left_out(tiny_model_folder: Path, tmp_path: Path) -> None:
    words = ("dog", "house", "music", "garden", "book")
    rows = [
        (f"{word} {other}", words[place - 1])
        for place, word in enumerate(words)
        for other in ("the", "a", "red", "good")
    ]
    table = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    notes = Notes()
    finetune(
        tiny_model_folder, train=table, dev=table, out=tmp_path / "run", watch=notes,
        **{**QUICK, "epochs": 1},
    )  # fmt: skip
    assert notes.heard("the names of the labels are not read as texts: of 20 rows")


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_broken_run_goes_on_to_the_same_bits(
    at: float, tuned: FinetuneResult, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {"train": table, "out": tmp_path / "run", **HELD}
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=Notes("fine-tuning", at), **given)
    torch.rand(7)
    again = finetune(tiny_model_folder, **given)
    one, two = weights(tuned.folder), weights(again.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert again.figures == tuned.figures


def test_an_embedding_models_pooling_is_kept(tiny_model_folder: Path, tmp_path: Path) -> None:
    def pooling(folder: Path, **short: Any) -> str | None:
        settings = finetune_settings(few_shot=True, **short)
        cpu = torch.device("cpu")
        given = Given(folder, None, "t.csv", None, settings, "truncate", cpu, Silent())
        return as_few_shot(given).settings.model.pooling

    for mode in ("mean", "cls"):
        save_sentence(tmp_path / mode, open_sentence(tiny_model_folder, pooling=mode))  # type: ignore[arg-type]
        assert pooling(tmp_path / mode) == mode
        assert pooling(tmp_path / mode, pooling="cls") == "cls"
    save_sentence(tmp_path / "max", open_sentence(tiny_model_folder, pooling="max"))
    with pytest.raises(ConfigError, match="Choose one with --pooling"):
        pooling(tmp_path / "max")
    # Of a model that is none, the mean of its last hidden states.
    assert pooling(tiny_model_folder) == "mean"


def test_a_classifier_keeps_its_own(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    rows = [(f"the {word} sees {i}", word) for i in range(8) for word in ("good", "bad", "fine")]
    table = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    result = finetune(tiny_classifier_folder, train=table, out=tmp_path / "run", **HELD)
    assert result.labels == ("bad", "fine", "good")


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ({"freeze": True}, "model.freeze=true would do nothing"),
        ({"label_smoothing": 0.1}, "loss.smoothing would do nothing"),
        ({"task": "pair"}, "few_shot.use=True is not for the task pair"),
    ],
)
def test_what_would_do_nothing_is_refused(
    short: dict[str, Any], words: str, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", **{**HELD, **short})
    assert not (tmp_path / "run").exists()


def test_settings_without_the_switch_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing without --few-shot"):
        finetune_settings(over={"few_shot": {"temperature": 0.5}})
    with pytest.raises(ConfigError, match="must be above 0"):
        finetune_settings(over={"few_shot": {"use": True, "strength": 0}})


def test_lists_of_labels_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "train.jsonl"
    rows = [{"text": f"a {i}", "labels": ["x", "y"][: 1 + i % 2]} for i in range(8)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ConfigError, match="few-shot draws texts of one label together"):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", **HELD)


def test_few_and_many_texts_of_a_label_are_told(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [(f"dog {i}", "dog") for i in range(9)] + [(f"cat {i}", "cat") for i in range(9)]
    dev = write_csv(tmp_path / "dev.csv", [("dog", "dog"), ("cat", "cat")], ("text", "label"))
    cows = [(f"a cow {i}", "cow") for i in range(3)]
    single = write_csv(tmp_path / "one.csv", [*rows, ("a fish", "fish"), *cows], ("text", "label"))
    notes = Notes()
    finetune(tiny_model_folder, train=single, dev=dev, out=tmp_path / "a", watch=notes, **QUICK)
    assert notes.heard("1 label with a single text: fish; 8 to 64 of each are better")
    assert notes.heard("1 label with fewer than 8 texts to train on, the least with 3: cow;")
    assert not notes.heard("are many for --few-shot")
    few = write_csv(tmp_path / "few.csv", rows[3:], ("text", "label"))
    notes = Notes()
    finetune(tiny_model_folder, train=few, dev=dev, out=tmp_path / "c", watch=notes, **QUICK)
    assert notes.heard("1 label with fewer than 8 texts to train on, the least with 6: dog")
    many = write_csv(tmp_path / "many.csv", rows * 8, ("text", "label"))
    notes = Notes()
    finetune(
        tiny_model_folder, train=many, dev=dev, out=tmp_path / "b", watch=notes,
        **{**QUICK, "epochs": 1},
    )  # fmt: skip
    assert notes.heard("72 texts a label are many for --few-shot")


def test_labels_with_one_text_each_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [("a dog", "dog"), ("a cat", "cat")]
    table = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    with pytest.raises(DataError, match="no label has two texts"):
        finetune(tiny_model_folder, train=table, dev=table, out=tmp_path / "run", **QUICK)


def test_a_run_that_does_not_say_what_it_keeps_does_not_go_on(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    vectors, out = tmp_path / "vectors", tmp_path / "run"
    save_sentence(vectors, open_sentence(tiny_model_folder, pooling="mean"))
    given: dict[str, Any] = {"train": table, "out": out, **HELD}
    with pytest.raises(Interrupted):
        finetune(vectors, watch=Notes("fine-tuning", 0.5), **given)
    run = json.loads((out / "run.json").read_text())
    assert run["decided"].pop("recipe")["pretrained_share"] == FEW_PRETRAINED
    (out / "run.json").write_text(json.dumps(run))
    with pytest.raises(CheckpointError, match="does not say how much of the weights before"):
        finetune(vectors, **given)


def test_a_run_goes_on_with_what_was_chosen_when_it_began(
    tiny_model_folder: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = tmp_path / "vectors"
    save_sentence(vectors, open_sentence(tiny_model_folder, pooling="mean"))
    given: dict[str, Any] = {"train": table, **HELD, "lr": None}
    whole = finetune(vectors, out=tmp_path / "whole", **given)
    with pytest.raises(Interrupted):
        finetune(vectors, out=tmp_path / "run", watch=Notes("fine-tuning", 0.5), **given)
    # A version that would choose otherwise.
    monkeypatch.setattr("unmask.verbs.tune_recipe.FEW_PRETRAINED", 0.2)
    monkeypatch.setattr("unmask.verbs.tune_recipe.RECIPES", ((None, 1e-5, 3),))
    notes = Notes()
    result = finetune(vectors, out=tmp_path / "run", watch=notes, **given)
    assert notes.heard("was begun before, and goes on from its state")
    assert notes.heard("goes on with what was chosen when the run began: lr 0.001, pretrained sh")
    ours, theirs = weights(result.folder), weights(whole.folder)
    assert all(torch.equal(theirs[name], weight) for name, weight in ours.items())


def test_its_recipe_is_its_own() -> None:
    settings = finetune_settings(few_shot=True)
    recipe = Recipe.of(settings, 384, 7700, embeds=True)
    assert recipe.epochs == FEW_EPOCHS == Recipe.of(settings, 384, 54).epochs
    assert recipe.dropout == 0.1
    assert recipe.pretrained_share == FEW_PRETRAINED
    assert "keep 0.7 of what they were (--pretrained-share)" in recipe.note
    assert Recipe.of(settings, 384, 7700).pretrained_share == 0.0
    # With LoRA the weights before training are those after it.
    low_rank = Recipe.of(finetune_settings(few_shot=True, lora=4), 384, 7700, embeds=True)
    assert low_rank.pretrained_share == 0.0
    assert Recipe.of(finetune_settings(few_shot=True, epochs=3), 384, 770).epochs == 3


@pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="needs transformers")
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_transformers_says_the_same(
    pooling: str, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    import transformers

    given = {"train": table, "out": tmp_path / "run", **HELD, "pooling": pooling}
    result = finetune(tiny_model_folder, **given)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(result.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(result.model)
    texts = ["she paints a red house.", "a dog likes good music."]
    classifier = Classifier.from_pretrained(result.folder)
    for text, answer in zip(texts, classifier.predict(texts, scores=True), strict=True):
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        shares = (logits / classifier.opened.use.temperature).softmax(0)
        assert shares.tolist() == pytest.approx(list(answer["scores"].values()), abs=1e-5)
