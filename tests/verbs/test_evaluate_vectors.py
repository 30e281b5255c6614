"""An embedding model measured: queries with documents, a corpus, graded pairs, another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verbs.labelled import Notes
from tests.verbs.related_texts import graded, pairs, without, written
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import ConfigError, ModelError, TooLong
from unmask.evaluation.embedding import EmbeddingFigures
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_targets import TargetsEvaluation
from unmask.verbs.finetune import finetune

QUICK: dict[str, Any] = {
    "task": "embed", "lr": 2e-3, "batch": 16, "epochs": 3, "dtype": "fp32", "threads": 1
}  # fmt: skip


@pytest.fixture(scope="module")
def models(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path]:
    """A model that was taught, the one that it was taught from, and the dev rows."""
    root = tmp_path_factory.mktemp("models")
    save_sentence(root / "plain", open_sentence(tiny_model_folder, pooling="mean"))
    dev = written(root / "dev.jsonl", pairs(50, seed=1))
    train = written(root / "train.jsonl", pairs(120))
    finetune(root / "plain", train=train, dev=dev, out=root / "run", **QUICK)
    return root / "run", root / "plain", dev


def test_figures_are_those_of_training(models: tuple[Path, Path, Path]) -> None:
    run, plain, dev = models
    notes = Notes()
    result = evaluate(run, data=dev, against=plain, watch=notes)
    assert isinstance(result, TargetsEvaluation)
    assert isinstance(result.figures, EmbeddingFigures)
    assert notes.heard("dev.jsonl: pairs from columns 'query' and 'positive', negatives from")
    from unmask.verbs.tasks.result import FinetuneResult

    trained = FinetuneResult.read(run).figures
    assert isinstance(trained, EmbeddingFigures)
    for one, other in zip(result.figures.figures, trained.figures, strict=True):
        assert one.value == other.value
    assert result.differences[0] == trained.gain
    words = result.in_words()
    assert words["verdict"].startswith("the model is better than")
    assert "nDCG@10 against " + str(plain) in words
    assert result.as_dict()["queries"] == result.figures.queries


def test_documents_of_a_corpus(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, _, dev = models
    few = evaluate(run, data=dev).figures
    rows = [{"id": n, "text": row["positive"]} for n, row in enumerate(pairs(150, seed=2))]
    notes = Notes()
    corpus = written(tmp_path / "corpus.jsonl", rows)
    many = evaluate(run, data=dev, corpus=corpus, watch=notes).figures
    assert isinstance(few, EmbeddingFigures)
    assert isinstance(many, EmbeddingFigures)
    assert (many.documents or 0) > (few.documents or 0)
    assert (many["recall@1"].value or 0) <= (few["recall@1"].value or 0)
    assert notes.heard("corpus.jsonl: text from column 'text'; 150 different documents")
    assert notes.heard("corpus.jsonl, and looked for beside it")


def test_graded_pairs(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, plain, _ = models
    data = written(tmp_path / "graded.jsonl", graded(60))
    result = evaluate(run, data=data, against=plain)
    assert isinstance(result.figures, EmbeddingFigures)
    assert result.figures.pairs == 60
    assert [one.figure for one in result.differences] == ["Spearman", "Pearson"]
    renamed = [dict(zip("abc", row.values(), strict=True)) for row in graded(60)]
    named = written(tmp_path / "b.jsonl", renamed)
    again = evaluate(run, data=named, text_column="a", pair_column="b", label_column="c")
    assert again.figures == result.figures
    with pytest.raises(ConfigError, match="are not looked for in a corpus"):
        evaluate(run, data=data, corpus=data)


def test_what_does_not_fit(
    models: tuple[Path, Path, Path], tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    run, _, dev = models
    with pytest.raises(ConfigError, match=r"measured on queries with their documents, or graded"):
        evaluate(run)
    taught = written(
        tmp_path / "t.jsonl", [{**row, "teacher_scores": [1, 0]} for row in pairs(5, seed=1)]
    )
    with pytest.raises(ConfigError, match="--label-column teacher_scores would do nothing"):
        evaluate(run, data=taught, label_column="teacher_scores")
    with pytest.raises(ConfigError, match="--label-separator ; would do nothing"):
        evaluate(run, data=dev, label_separator=";")
    with pytest.raises(ConfigError, match="a corpus is what embedding models find documents in"):
        evaluate(tiny_classifier_folder, data=dev, corpus=dev)
    with pytest.raises(ModelError, match=r"holds an embedding model and .* holds a classifier"):
        evaluate(run, data=dev, against=tiny_classifier_folder)
    long = written(tmp_path / "a.jsonl", [*pairs(5), {"query": "a", "positive": "the dog " * 90}])
    with pytest.raises(TooLong, match="at most 48 tokens"):
        evaluate(run, data=long, on_long="error")
    assert evaluate(run, data=long).truncated == 1  # type: ignore[union-attr]


def test_a_teachers_scores_are_not_needed(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, _, dev = models
    rows = [{**row, "teacher_scores": [1, 0]} for row in pairs(50, seed=1)]
    result = evaluate(run, data=written(tmp_path / "a.jsonl", rows))
    assert result.figures == evaluate(run, data=dev).figures  # type: ignore[union-attr]
    without_negatives = written(tmp_path / "b.jsonl", without(rows, "negative", "teacher_scores"))
    found = evaluate(run, data=without_negatives).figures  # type: ignore[union-attr]
    assert isinstance(found, EmbeddingFigures)
    assert found.documents == 50
