"""Fine-tuning on targets that are no single label: sets of labels, and numbers."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.verbs.labelled import Interrupted, Notes, write_csv
from unmask.checkpoint.folder import open_classifier
from unmask.checkpoint.use import Use
from unmask.errors import (
    ConfigError,
    DataError,
    LabelMismatch,
    ModelError,
    TokenizerError,
    UnsupportedModel,
)
from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.evaluation.regression import RegressionFigures
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.pipelines.rerank import Reranker
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.predict import predict
from unmask.verbs.tasks.regress import read_numbers
from unmask.verbs.tasks.sets import holds_sets

WORDS = ("dog", "house", "music")
QUICK: dict[str, Any] = {"epochs": 12, "lr": 3e-3, "batch": 16, "dtype": "fp32"}


def sets(count: int = 200) -> list[dict[str, Any]]:
    """Which of three words a text names."""
    dice = random.Random(0)
    rows = []
    for number in range(count):
        named = [word for word in WORDS if dice.random() < 0.4]
        text = f"she sees {' '.join(named) or 'it'} {number % 7}"
        rows.append({"text": text, "label": named})
    return rows


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def numbers(count: int = 200) -> list[tuple[str, str]]:
    """How often a text names dogs, in a unit far from 0."""
    dice = random.Random(0)
    rows = []
    for number in range(count):
        dogs = dice.randrange(4)
        rows.append((f"she sees {'dog ' * dogs}{number % 41}", str(1000 + 50 * dogs)))
    return rows


@pytest.fixture(scope="module")
def several(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneResult:
    folder = tmp_path_factory.mktemp("several")
    train = write_jsonl(folder / "train.jsonl", sets())
    return finetune(tiny_model_folder, train=train, out=folder / "run", **QUICK)


@pytest.fixture(scope="module")
def regressed(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneResult:
    folder = tmp_path_factory.mktemp("regressed")
    train = write_csv(folder / "train.csv", numbers(), ("text", "label"))
    given = {**QUICK, "epochs": 30}
    return finetune(tiny_model_folder, task="regress", train=train, out=folder / "run", **given)


def test_lists_of_labels_are_learnt_each_for_itself(several: FinetuneResult) -> None:
    assert isinstance(several.figures, MultiLabelFigures)
    assert several.figures.micro_f1.value is not None
    assert several.figures.micro_f1.value > 0.9
    assert FinetuneResult.read(several.folder) == several
    opened = open_classifier(several.folder)
    assert opened.use.outputs == "several"
    assert opened.use.thresholds.keys() == set(WORDS)
    stored = json.loads((several.model / "config.json").read_text())
    assert stored["problem_type"] == "multi_label_classification"
    classifier = Classifier.from_pretrained(several.folder)
    one, none = classifier.predict(["she sees dog music", "she sees it"], scores=True)
    assert sorted(one["labels"]) == ["dog", "music"]
    assert one["labels"] == sorted(one["labels"], key=lambda name: -one["scores"][name])
    assert none["labels"] == []
    assert set(one["scores"]) == set(WORDS)


def test_a_table_with_a_separator_is_the_same_as_lists(
    several: FinetuneResult, tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = [(row["text"], " | ".join(row["label"])) for row in sets()]
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    result = finetune(
        tiny_model_folder, train=train, out=tmp_path / "run", label_separator="|", **QUICK
    )
    assert result.figures == several.figures


def test_a_list_is_told_wherever_its_column_stands(tmp_path: Path) -> None:
    lists = write_csv(tmp_path / "a.csv", [('["a", "b"]', "x")], ("label", "text"))
    names = write_csv(tmp_path / "b.csv", [("[a] b", "x")], ("label", "text"))
    rows = write_jsonl(tmp_path / "c.jsonl", [{"label": ["a"], "text": "x"}])
    later = write_jsonl(
        tmp_path / "d.jsonl", [{"label": None, "text": "x"}, {"label": ["a"], "text": "y"}]
    )
    empty = write_csv(tmp_path / "e.csv", [("", "x"), ('["a"]', "y")], ("label", "text"))
    told = [holds_sets(path, TuneData()) for path in (lists, names, rows, later, empty)]
    assert told == [True, False, True, True, True]
    assert holds_sets(names, TuneData(label_separator=" "))


def test_sets_that_cannot_be_learnt_from(tiny_model_folder: Path, tmp_path: Path) -> None:
    def run(rows: list[dict[str, Any]], dev: list[dict[str, Any]] | None = None) -> None:
        train = write_jsonl(tmp_path / "train.jsonl", rows)
        held = None if dev is None else write_jsonl(tmp_path / "dev.jsonl", dev)
        finetune(tiny_model_folder, train=train, dev=held, out=tmp_path / "run", **QUICK)

    with pytest.raises(DataError, match="has only 'a'"):
        run([{"text": "x", "label": ["a"]}, {"text": "y", "label": []}])
    with pytest.raises(DataError, match=r"jsonl:2: .*must hold a list of labels, but it is the te"):
        run([{"text": "x", "label": ["a", "b"]}, {"text": "y", "label": "a"}])
    with pytest.raises(DataError, match="may stand once"):
        run([{"text": "x", "label": ["a", "a"]}])
    train = write_jsonl(tmp_path / "train.jsonl", sets(20))
    with pytest.raises(ConfigError, match="class_weights=balanced weighs rows by their one label"):
        finetune(tiny_model_folder, train=train, out=tmp_path / "run", class_weights="balanced")
    with pytest.raises(LabelMismatch, match="'c' is not among them"):
        run([{"text": "x", "label": ["a", "b"]}], [{"text": "y", "label": ["c"]}])
    assert not (tmp_path / "run").exists()


def test_numbers_are_learnt_in_their_own_unit(
    regressed: FinetuneResult, tiny_model_folder: Path
) -> None:
    assert isinstance(regressed.figures, RegressionFigures)
    (only,) = regressed.figures.numbers
    assert only.name == "label"
    assert only.r2.value is not None
    assert only.r2.value > 0.8
    model = Regressor.from_pretrained(regressed.folder)
    assert model.names == ("label",)
    assert model.ranges == {"label": (1000.0, 1150.0)}
    few, many = model.predict(["she sees 1", "she sees dog dog dog 1"])
    assert abs(few["value"] - 1000) < 40
    assert abs(many["value"] - 1150) < 40
    stored = json.loads((regressed.model / "config.json").read_text())
    assert stored["problem_type"] == "regression"
    with pytest.raises(UnsupportedModel, match=r"unmask\.Regressor"):
        Classifier.from_pretrained(regressed.folder)


def test_a_regressor_is_trained_further_from_where_it_is(
    regressed: FinetuneResult, tmp_path: Path
) -> None:
    train = write_csv(tmp_path / "train.csv", numbers(), ("text", "label"))
    again = finetune(
        regressed.folder, task="regress", train=train, out=tmp_path / "run", epochs=1, lr=1e-9,
        dtype="fp32",
    )  # fmt: skip
    assert isinstance(again.figures, RegressionFigures)
    assert isinstance(regressed.figures, RegressionFigures)
    before, after = (one.figures.numbers[0].squared_error.value for one in (regressed, again))
    assert before is not None
    assert after == pytest.approx(before, rel=0.01)


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_a_broken_run_goes_on_to_the_same_bits(
    task: str, several: FinetuneResult, regressed: FinetuneResult, tiny_model_folder: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    whole = several if task == "classify" else regressed
    if task == "classify":
        train = write_jsonl(tmp_path / "train.jsonl", sets())
    else:
        train = write_csv(tmp_path / "train.csv", numbers(), ("text", "label"))
    given = {"train": train, "out": tmp_path / "run", "task": task, **QUICK}
    given["epochs"] = 12 if task == "classify" else 30
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=Notes("fine-tuning", 0.6), **given)
    result = finetune(tiny_model_folder, **given)
    outputs = ("several",) if task == "classify" else ("numbers",)
    one, two = (
        dict(open_classifier(run.folder, outputs=outputs).model.named_parameters())  # type: ignore[arg-type]
        for run in (whole, result)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert result.figures == whole.figures


def test_several_numbers_of_each_row(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [{"text": text, "label": [float(n), -float(n) / 10]} for text, n in numbers()]
    train = write_jsonl(tmp_path / "train.jsonl", rows)
    result = finetune(tiny_model_folder, task="regress", train=train, out=tmp_path / "run", **QUICK)
    assert result.labels == ("label 1", "label 2")
    model = Regressor.from_pretrained(result.folder)
    (answer,) = model.predict(["she sees dog 1"])
    assert answer["values"].keys() == {"label 1", "label 2"}
    assert answer["value"] == answer["values"]["label 1"]
    assert np.isclose(answer["values"]["label 2"], -answer["value"] / 10, rtol=0.1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("NaN", "must hold a finite number.*'NaN'"),
        ("much", "it is the text 'much'"),
        ("", "it is the text ''"),
        ("[1, 2]", r"as many numbers as the first, 1, but .*:3 has 2"),
    ],
)
def test_numbers_that_are_none(
    tiny_model_folder: Path, tmp_path: Path, value: str, words: str
) -> None:
    rows = [("a dog", "1"), ("a house", value)]
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    with pytest.raises(DataError, match=words):
        finetune(tiny_model_folder, task="regress", train=train, out=tmp_path / "run", **QUICK)
    same = write_csv(tmp_path / "same.csv", [("a", "2"), ("b", "2")], ("text", "label"))
    with pytest.raises(DataError, match="'label' is 2; choose another column"):
        finetune(tiny_model_folder, task="regress", train=same, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_predict_knows_what_a_model_is_for(
    several: FinetuneResult, regressed: FinetuneResult, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "in.csv", [("she sees dog music", "7")], ("text", "id"))
    result = predict(several.folder, input=table, output=tmp_path / "sets.jsonl")
    (row,) = map(json.loads, (tmp_path / "sets.jsonl").read_text().splitlines())
    assert row["id"] == "7"
    assert sorted(row["labels"]) == ["dog", "music"]
    assert result.labels == {"dog + music": 1}
    result = predict(regressed.folder, input=table, output=tmp_path / "numbers.csv")
    assert result.columns == ("text", "id", "predicted", "tokens", "truncated")
    assert result.labels == {}
    assert result.rows == 1


def test_rare_labels_weigh_as_much_as_frequent_ones(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    """Where the text says nothing, the share of each label is all there is to learn."""
    rows = [("she sees it", "often")] * 90 + [("she sees it", "rarely")] * 10
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    dev = write_csv(tmp_path / "dev.csv", rows, ("text", "label"))
    given = {"train": train, "dev": dev, "epochs": 20, "lr": 3e-3, "dtype": "fp32"}
    shares = {}
    for weights in ("none", "balanced"):
        result = finetune(tiny_model_folder, out=tmp_path / weights, class_weights=weights, **given)
        opened = open_classifier(result.folder)
        model = Classifier(opened)
        (answer,) = model.predict(["she sees it"], scores=True)
        # Back to what the loss made of it, before the dev rows calibrated it.
        odds = np.log(answer["scores"]["rarely"] / answer["scores"]["often"])
        shares[weights] = 1 / (1 + np.exp(-odds * opened.use.temperature))
    assert shares["none"] < 0.25
    assert 0.4 < shares["balanced"] < 0.6


def test_pairs_and_texts_are_not_taken_for_each_other(
    several: FinetuneResult, regressed: FinetuneResult, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedModel, match="was trained on single texts"):
        PairClassifier.from_pretrained(several.folder)


def test_an_eighth_of_sets_is_an_eighth_however_many_sets_there_are(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    names = [f"label{number}" for number in range(12)]
    rows = [
        {"text": f"she sees {first} {second} {copy}", "label": [first, second]}
        for first in names
        for second in names
        if first < second
        for copy in range(2)
    ]
    train = write_jsonl(tmp_path / "train.jsonl", rows)
    result = finetune(
        tiny_model_folder, train=train, out=tmp_path / "run", dev_share=0.125, epochs=1, freeze=True
    )
    assert abs(result.dev_rows / len(rows) - 0.125) < 0.05


def test_a_dev_file_too_small_for_a_correlation_stops_nothing(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    train = write_csv(tmp_path / "train.csv", numbers(), ("text", "label"))
    odd = [("she sees it", "1000")] * 7 + [("she sees dog", "1050")]
    dev = write_csv(tmp_path / "dev.csv", odd, ("text", "label"))
    result = finetune(
        tiny_model_folder, task="regress", train=train, dev=dev, out=tmp_path / "run", epochs=1,
        freeze=True,
    )  # fmt: skip
    assert result.finished


def test_pairs_are_read_as_pairs_and_never_joined(
    regressed: FinetuneResult, tmp_path: Path
) -> None:
    model = Regressor.from_pretrained(regressed.folder)
    with pytest.raises(TokenizerError, match="must be a str, but text 0 is a tuple"):
        model.predict([("she sees", "a dog")])
    foreign = replace(model.opened, use=Use(outputs="numbers"))
    path = tmp_path / "foreign"
    Regressor(foreign).save_pretrained(path)
    table = write_csv(tmp_path / "in.csv", [("she sees", "a dog")], ("query", "document"))
    out = tmp_path / "out.jsonl"
    predict(path, input=table, output=out, pair_column="document")
    (row,) = map(json.loads, out.read_text().splitlines())
    asked = Regressor(replace(foreign, use=Use(outputs="numbers", texts="pair")))
    (told,) = asked.predict([("she sees", "a dog")])
    assert row["predicted"] == pytest.approx(told["value"], rel=1e-5)
    assert row["tokens"] == told["tokens"]


def test_a_number_in_its_own_unit_is_no_logit(regressed: FinetuneResult) -> None:
    scorer = Reranker.from_pretrained(regressed.folder)
    assert abs(float(scorer.predict([("she sees", "a dog")])[0])) > 100
    with pytest.raises(ModelError, match="was trained on single texts; read them with unmask pre"):
        scorer.rank("she sees", ["a dog"])


@pytest.mark.parametrize("column", ["score", "Rating", "label"])
def test_numbers_are_found_under_their_usual_names(tmp_path: Path, column: str) -> None:
    table = write_csv(tmp_path / "a.csv", [("she", "1.5"), ("he", "2")], ("text", column))
    rows = read_numbers(table, TuneData())
    assert (rows.columns.label, rows.labels) == (column, ((1.5,), (2.0,)))
    other = write_csv(tmp_path / "b.csv", [("she", "1.5")], ("text", "mood"))
    with pytest.raises(DataError, match=r"none is named 'label' \(nor .* and 1 more\); its"):
        read_numbers(other, TuneData())
