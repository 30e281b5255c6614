"""Two classifiers on the same rows, and the report: what comes out, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import sentences
from tests.verbs.labelled import Notes, write_csv
from unmask.checkpoint.folder import open_classifier, save_model
from unmask.errors import ConfigError, LabelMismatch, ModelError
from unmask.pipelines.classify import Classifier
from unmask.verbs.classifier_result import ClassifierEvaluation
from unmask.verbs.evaluate import evaluate

LABELS = ("bad", "fine", "good")


def saved(folder: Path, base: Path, labels: tuple[str, ...], seed: int) -> Path:
    opened = open_classifier(base, labels=labels, seed=seed)
    save_model(
        folder, opened.model, arch=opened.arch, config=opened.config,
        tokenizer=opened.tokenizer, labels=opened.labels,
    )  # fmt: skip
    return folder


@pytest.fixture
def other(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """Another classifier of the same labels, in another order."""
    return saved(tmp_path / "other", tiny_model_folder, ("good", "bad", "fine"), 2)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [(text, LABELS[n % 3]) for n, text in enumerate(sentences()[:60])]
    return write_csv(tmp_path / "in.csv", rows, ("text", "label"))


def test_confidence_is_measured_with_the_rest(tiny_classifier_folder: Path, table: Path) -> None:
    result = evaluate(tiny_classifier_folder, data=table)
    assert isinstance(result, ClassifierEvaluation)
    answers = Classifier.from_pretrained(tiny_classifier_folder).predict(
        sentences()[:60], scores=True
    )
    losses = [-np.log(answer["scores"][LABELS[n % 3]]) for n, answer in enumerate(answers)]
    assert result.figures.confidence is not None
    assert result.figures.confidence.log_loss.value == pytest.approx(np.mean(losses), rel=1e-5)
    assert sum(one.rows for one in result.figures.confidence.bins) == 60
    assert {"log loss", "calibration error", "Matthews correlation"} <= set(result.in_words())


def test_two_classifiers_on_the_same_rows(
    tiny_classifier_folder: Path, other: Path, table: Path
) -> None:
    notes = Notes()
    result = evaluate(tiny_classifier_folder, data=table, against=other, watch=notes)
    assert isinstance(result, ClassifierEvaluation)
    against = result.against
    assert against is not None
    alone = evaluate(other, data=table)
    assert isinstance(alone, ClassifierEvaluation)
    assert against.figures == alone.figures
    accuracy = against.differences[0]
    assert accuracy.figure == "accuracy"
    assert accuracy.difference == pytest.approx(result.figures.accuracy - alone.figures.accuracy)
    each = against.agreement
    assert each.both + each.first + each.second + each.neither == 60
    assert (each.first - each.second) / 60 == pytest.approx(accuracy.difference)
    assert notes.heard(f"classifying with {other}")
    words = result.in_words()
    assert words["verdict"] == against.verdict
    assert str(other) in words["verdict"]
    assert "calibration error" in {one.figure for one in against.differences}
    facts = json.loads(json.dumps(result.as_dict(), default=str))
    assert facts["against"]["differences"][0]["interval"]["low"] <= 0


def test_a_model_beside_itself_differs_in_nothing(
    tiny_classifier_folder: Path, table: Path
) -> None:
    result = evaluate(tiny_classifier_folder, data=table, against=tiny_classifier_folder)
    assert isinstance(result, ClassifierEvaluation)
    assert result.against is not None
    assert {one.better for one in result.against.differences} == {"neither"}
    assert {one.difference for one in result.against.differences} == {0.0}


def test_the_other_model_must_know_the_labels(
    tiny_classifier_folder: Path, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    narrow = saved(tmp_path / "narrow", tiny_model_folder, ("bad", "good"), 1)
    with pytest.raises(LabelMismatch, match=r"those of the model .*narrow, but 'fine' is not"):
        evaluate(tiny_classifier_folder, data=table, against=narrow)
    # One that knows more is measured all the same.
    wide = saved(tmp_path / "wide", tiny_model_folder, (*LABELS, "other"), 1)
    assert isinstance(
        evaluate(tiny_classifier_folder, data=table, against=wide), ClassifierEvaluation
    )
    with pytest.raises(ModelError):
        evaluate(tiny_classifier_folder, data=table, against=tiny_model_folder)


def test_a_report_is_written_once(
    tiny_classifier_folder: Path, other: Path, table: Path, tmp_path: Path
) -> None:
    page = tmp_path / "new" / "report.html"
    result = evaluate(tiny_classifier_folder, data=table, against=other, report=page)
    assert isinstance(result, ClassifierEvaluation)
    assert result.in_words()["report"] == str(page)
    source = page.read_text(encoding="utf-8")
    assert "Its worst mistakes" in source
    assert f"Against {other}" in source
    with pytest.raises(ConfigError, match="exists already; choose another name, or pass --replace"):
        evaluate(tiny_classifier_folder, data=table, report=page)
    evaluate(tiny_classifier_folder, data=table, report=page, replace=True)
    assert "Against" not in page.read_text(encoding="utf-8")


def test_what_a_report_cannot_be(
    tiny_classifier_folder: Path, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"name it \*.html, not report.pdf"):
        evaluate(tiny_classifier_folder, data=table, report="report.pdf")
    text = tmp_path / "a.txt"
    text.write_text("she\n\nhe")
    for more in ({"report": "r.html"}, {"against": tiny_classifier_folder}):
        with pytest.raises(ConfigError, match="is for models that were taught a task"):
            evaluate(tiny_model_folder, text=text, **more)  # type: ignore[arg-type]


def test_the_command(
    tiny_classifier_folder: Path, other: Path, table: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "unmask", "evaluate", str(tiny_classifier_folder),
            "--against", str(other), "--data", str(table), "--report", str(tmp_path / "r.html"),
            "--threads", "1",
        ],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "verdict" in done.stdout
    assert (tmp_path / "r.html").is_file()
