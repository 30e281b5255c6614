"""`unmask probe`: labels told by frozen vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import sentences
from unmask.errors import ConfigError, LabelMismatch
from unmask.evaluation.probe import Probe
from unmask.pipelines.embed import Embedder
from unmask.verbs.probe import probe


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
    found = probe(tiny_model_folder, train=train, test=test, threads=1)
    embedder = Embedder.from_pretrained(tiny_model_folder, pooling="mean")
    read = [
        [line.rsplit(",", 1) for line in path.read_text("utf-8").splitlines()[1:]]
        for path in tables
    ]
    known, asked = (embedder.encode([text for text, _ in rows]) for rows in read)
    by_hand = Probe.fit(known, [label for _, label in read[0]])
    assert found.accuracy == by_hand.accuracy(asked, [label for _, label in read[1]])
    assert found.accuracies == (found.accuracy,)
    assert (found.rows, found.test_rows, found.pooling) == (60, 30, "mean")
    assert found.in_words()["learnt from"] == "60 rows"


def test_few_rows_are_drawn_several_times(
    tiny_model_folder: Path, tables: tuple[Path, Path]
) -> None:
    train, test = tables
    found = probe(tiny_model_folder, train=train, test=test, per_label=5, seeds=3, threads=1)
    assert len(found.accuracies) == 3
    assert found.accuracy == pytest.approx(np.mean(found.accuracies))
    assert "5 of each label, drawn 3 times" in found.in_words()["learnt from"]
    again = probe(tiny_model_folder, train=train, test=test, per_label=5, threads=1)
    assert again.accuracies[:3] == found.accuracies
    assert len(again.accuracies) == 5


def test_what_does_not_fit_is_refused(
    tiny_model_folder: Path, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = tables
    with pytest.raises(ConfigError, match=r"give per_label \(--per-label N\) too"):
        probe(tiny_model_folder, train=train, test=test, seeds=3)
    with pytest.raises(ConfigError, match="must be at least 1, not 5 and 0"):
        probe(tiny_model_folder, train=train, test=test, per_label=5, seeds=0)
    with pytest.raises(ConfigError, match="must be at least 1, not 0 and 5"):
        probe(tiny_model_folder, train=train, test=test, per_label=0)
    strange = tmp_path / "strange.csv"
    strange.write_text("text,label\na,good\nb,odd\n", "utf-8")
    with pytest.raises(LabelMismatch, match="'odd' is not among them"):
        probe(tiny_model_folder, train=train, test=strange)
