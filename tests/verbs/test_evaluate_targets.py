"""Models of pairs, of sets of labels and of numbers, measured on tables and beside each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tests.conftest import sentences
from tests.verbs.labelled import write_csv
from unmask.checkpoint.folder import open_classifier, save_model
from unmask.checkpoint.use import Use
from unmask.errors import ConfigError, DataError, LabelMismatch
from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.evaluation.regression import RegressionFigures
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.verbs.classifier_result import ClassifierEvaluation
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_targets import TargetsEvaluation
from unmask.verbs.predict import predict

LABELS = ("bad", "fine", "good")
TEXTS = sentences()[:40]
Saved = Callable[..., Path]


@pytest.fixture
def saved(tiny_model_folder: Path, tmp_path: Path) -> Saved:
    """Saves a model with random weights."""

    def save(labels: tuple[str, ...], use: Use, seed: int = 1) -> Path:
        kind = (use.outputs,)
        opened = open_classifier(tiny_model_folder, labels=labels, outputs=kind, seed=seed)
        folder = tmp_path / f"{use.outputs}-{use.texts}-{seed}-{len(labels)}"
        save_model(
            folder, opened.model, arch=opened.arch, config=opened.config,
            tokenizer=opened.tokenizer, labels=opened.labels, use=use,
        )  # fmt: skip
        return folder

    return save


@pytest.mark.parametrize("outputs", ["one", "numbers"])
def test_two_texts_are_never_split(
    outputs: Literal["one", "numbers"], saved: Saved, tmp_path: Path
) -> None:
    rows = [(text, TEXTS[-n], n % 3) for n, text in enumerate(TEXTS)]
    names = tuple("012") if outputs == "one" else ("value",)
    table = write_csv(tmp_path / "p.csv", rows, ("premise", "hypothesis", "label"))
    folder = saved(names, Use(texts="pair", outputs=outputs))
    with pytest.raises(ConfigError, match="must be one of truncate, error here, not 'chunk'"):
        evaluate(folder, data=table, on_long="chunk")
    with pytest.raises(ConfigError, match=r"on_long must be .*, not 'chunk'"):
        predict(folder, input=table, output=tmp_path / "said.csv", on_long="chunk")
    assert not (tmp_path / "said.csv").exists()


def test_pairs_are_measured_and_reported(saved: Saved, tmp_path: Path) -> None:
    rows = [(text, TEXTS[-n], LABELS[n % 3]) for n, text in enumerate(TEXTS)]
    table = write_csv(tmp_path / "p.csv", rows, ("premise", "hypothesis", "label"))
    folder = saved(LABELS, Use(texts="pair"))
    page = tmp_path / "r.html"
    result = evaluate(folder, data=table, against=saved(LABELS, Use(texts="pair"), 2), report=page)
    assert isinstance(result, ClassifierEvaluation)
    said = PairClassifier.from_pretrained(folder).predict([(one, two) for one, two, _ in rows])
    right = [answer["label"] == row[2] for answer, row in zip(said, rows, strict=True)]
    assert result.figures.accuracy == pytest.approx(np.mean(right))
    assert result.against is not None
    assert "Its worst mistakes" in page.read_text(encoding="utf-8")


def test_sets_of_labels_are_measured(saved: Saved, tmp_path: Path) -> None:
    sets = [[LABELS[k] for k in range(3) if (n + k) % 3 == 0 or n % 5 == k] for n in range(40)]
    rows = [(text, json.dumps(labels)) for text, labels in zip(TEXTS, sets, strict=True)]
    table = write_csv(tmp_path / "s.csv", rows, ("text", "labels"))
    use = Use(outputs="several", texts="single", thresholds={"bad": 0.45})
    folder = saved(LABELS, use)
    result = evaluate(folder, data=table, against=saved(LABELS, use, 2))
    assert isinstance(result, TargetsEvaluation)
    said = Classifier.from_pretrained(folder).predict(TEXTS)
    expected = MultiLabelFigures.of(sets, [answer["labels"] for answer in said], LABELS)
    assert result.figures == expected
    assert result.as_dict()["micro_f1"]["value"] == expected.micro_f1.value
    words = result.in_words()
    assert {"subset accuracy", "  bad", "verdict"} <= set(words)
    spelt = [(text, "|".join(labels)) for text, labels in zip(TEXTS, sets, strict=True)]
    other = write_csv(tmp_path / "t.csv", spelt, ("text", "labels"))
    assert evaluate(folder, data=other, label_separator="|").figures == expected  # type: ignore[union-attr]
    with pytest.raises(LabelMismatch, match=r"'bad\|fine'.* not among them"):
        evaluate(folder, data=other, label_separator=";")


def test_numbers_are_measured(saved: Saved, tmp_path: Path) -> None:
    rows = [(text, len(text) / 10) for text in TEXTS]
    table = write_csv(tmp_path / "n.csv", rows, ("text", "label"))
    folder = saved(("stars",), Use(outputs="numbers", texts="single"))
    other = saved(("stars",), Use(outputs="numbers", texts="single"), 2)
    result = evaluate(folder, data=table, against=other)
    assert isinstance(result, TargetsEvaluation)
    said = Regressor.from_pretrained(folder).predict(TEXTS)
    guesses = np.array([answer["value"] for answer in said])
    truth = np.array([number for _, number in rows])
    assert isinstance(result.figures, RegressionFigures)
    (number,) = result.figures.numbers
    assert number.name == "stars"
    assert number.absolute_error.value == pytest.approx(np.abs(truth - guesses).mean(), rel=1e-5)
    assert [one.figure for one in result.differences][:2] == [
        "mean absolute error", "root mean squared error",
    ]  # fmt: skip
    assert "Spearman" in result.in_words()


@pytest.mark.parametrize("outputs", ["several", "numbers"])
def test_what_either_model_cuts_is_counted(outputs: Any, saved: Saved, tmp_path: Path) -> None:
    several = outputs == "several"
    long = "the dog sees the river " * 30
    rows = [(text, '["bad"]' if several else 1.5) for text in (TEXTS[0], long, TEXTS[1])]
    table = write_csv(tmp_path / "a.csv", rows, ("text", "labels" if several else "label"))
    names, use = (LABELS if several else ("stars",)), Use(outputs=outputs, texts="single")
    other = saved(names, use, 2)
    result = evaluate(saved(names, use), data=table, against=other)
    assert isinstance(result, TargetsEvaluation)
    assert (result.truncated, result.other_truncated) == (1, 1)
    assert result.in_words()[f"texts that {other} cut"] == "1"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", "1"), ("b", "nan")], "must hold a finite number"),
        ([("a", "1"), ("b", "")], "must hold a finite number"),
        ([("a", "[1]"), ("b", "[1, 2]")], "needs 1 number, .* but .*:3 has 2"),
    ],
)
def test_numbers_that_are_none(
    saved: Saved, tmp_path: Path, rows: list[tuple[Any, ...]], words: str
) -> None:
    table = write_csv(tmp_path / "n.csv", rows, ("text", "label"))
    with pytest.raises(DataError, match=words):
        evaluate(saved(("stars",), Use(outputs="numbers")), data=table)


def test_only_models_of_a_kind_are_compared(saved: Saved, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "a.csv", [("a", "bad"), ("b", "fine")], ("text", "label"))
    one, several = saved(LABELS, Use(texts="single")), saved(LABELS, Use(outputs="several"))
    with pytest.raises(ConfigError, match="one gives one label for each text and the other any"):
        evaluate(one, data=table, against=several)
    with pytest.raises(ConfigError, match="reads single texts, and the column 'b'"):
        evaluate(one, data=table, pair_column="b")
