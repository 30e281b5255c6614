"""`unmask evaluate --task probe`: labels told by frozen vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import sentences
from unmask.errors import ConfigError, LabelMismatch
from unmask.evaluation.probe import Probe
from unmask.pipelines.embed import Embedder
from unmask.verbs.evaluate import evaluate
from unmask.verbs.probe import ProbeEvaluation


def table(path: Path, texts: list[str]) -> Path:
    rows = [
        f"{text.replace(',', '')} {word},{label}"
        for n, text in enumerate(texts)
        for word, label in [(("fine", "good") if n % 2 else ("awful", "bad"))]
    ]
    path.write_text("text,label\n" + "\n".join(rows) + "\n", "utf-8")
    return path


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    lines = list(dict.fromkeys(sentences()))
    return table(tmp_path / "train.csv", lines[:60]), table(tmp_path / "test.csv", lines[60:90])


def test_the_figure_is_that_of_a_probe_on_means(
    tiny_model_folder: Path, tables: tuple[Path, Path]
) -> None:
    train, test = tables
    found = evaluate(tiny_model_folder, task="probe", train=train, data=test, threads=1)
    assert isinstance(found, ProbeEvaluation)
    embedder = Embedder.from_pretrained(tiny_model_folder, pooling="mean")
    read = [
        [line.rsplit(",", 1) for line in path.read_text("utf-8").splitlines()[1:]]
        for path in tables
    ]
    known, asked = (embedder.encode([text for text, _ in rows]) for rows in read)
    probe = Probe.fit(known, [label for _, label in read[0]])
    assert found.accuracy == probe.accuracy(asked, [label for _, label in read[1]])
    assert found.accuracies == (found.accuracy,)
    assert (found.rows, found.test_rows, found.pooling) == (60, 30, "mean")
    assert found.in_words()["learnt from"] == "60 rows"


def test_few_rows_are_drawn_several_times(
    tiny_model_folder: Path, tables: tuple[Path, Path]
) -> None:
    train, test = tables
    given = {"task": "probe", "train": train, "data": test, "threads": 1, "per_label": 5}
    found = evaluate(tiny_model_folder, seeds=3, **given)  # type: ignore[arg-type]
    assert isinstance(found, ProbeEvaluation)
    assert len(found.accuracies) == 3
    assert found.accuracy == pytest.approx(np.mean(found.accuracies))
    assert "5 of each label, drawn 3 times" in found.in_words()["learnt from"]
    again = evaluate(tiny_model_folder, **given)  # type: ignore[arg-type]
    assert isinstance(again, ProbeEvaluation)
    assert again.accuracies[:3] == found.accuracies
    assert len(again.accuracies) == 5


def test_what_does_not_fit_is_refused(
    tiny_model_folder: Path, tiny_classifier_folder: Path, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = tables
    with pytest.raises(ConfigError, match="give --train TABLE and --data TABLE"):
        evaluate(tiny_model_folder, task="probe", data=test)
    with pytest.raises(ConfigError, match="give --per-label N too"):
        evaluate(tiny_model_folder, task="probe", train=train, data=test, seeds=3)
    with pytest.raises(ConfigError, match="leave out --on-long chunk"):
        evaluate(tiny_model_folder, task="probe", train=train, data=test, on_long="chunk")
    with pytest.raises(ConfigError, match="--per-label 3 is of --task probe"):
        evaluate(tiny_model_folder, text=test, per_label=3)
    with pytest.raises(ConfigError, match="is of --task probe"):
        evaluate(tiny_classifier_folder, data=test, train=train)
    strange = tmp_path / "strange.csv"
    strange.write_text("text,label\na,good\nb,odd\n", "utf-8")
    with pytest.raises(LabelMismatch, match="'odd' is not among them"):
        evaluate(tiny_model_folder, task="probe", train=train, data=strange)
