"""`unmask evaluate --task`: minimal pairs and pseudo-perplexity, from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import sentences
from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.minimal_pairs import measure, read_pairs
from unmask.evaluation.pseudo import likelihoods
from unmask.verbs.evaluate import evaluate
from unmask.verbs.likelihood import PairsEvaluation, PerplexityEvaluation


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = [
        {"sentence_good": s, "sentence_bad": " ".join(s.split()[::-1]), "UID": f"kind{n % 3}"}
        for n, s in enumerate(sentences()[:24])
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_minimal_pairs(tiny_model_folder: Path, pairs: Path) -> None:
    found = evaluate(tiny_model_folder, task="blimp", data=pairs, score="within-word", threads=1)
    assert isinstance(found, PairsEvaluation)
    opened = open_language_model(tiny_model_folder)
    truth = measure(opened.model, opened.tokenizer, read_pairs(pairs), how="within-word")
    assert found.figures == truth
    assert found.as_dict()["accuracy"] == truth.accuracy
    assert "of 24 pairs" in found.in_words()["right"]
    few = evaluate(tiny_model_folder, task="blimp", data=pairs, most_pairs=2, threads=1)
    assert isinstance(few, PairsEvaluation)
    assert few.figures.pairs == 6


def test_pseudo_perplexity(tiny_model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(sentences()[:5]), "utf-8")
    found = evaluate(
        tiny_model_folder, task="pseudo-perplexity", text=tmp_path / "a.txt", threads=1
    )
    assert isinstance(found, PerplexityEvaluation)
    opened = open_language_model(tiny_model_folder)
    truth = likelihoods(opened.model, opened.tokenizer, sentences()[:5])
    assert found.perplexity == pytest.approx(truth.perplexity)
    assert (found.texts, found.tokens) == (5, truth.tokens.sum())
    assert "pseudo-perplexity" in found.in_words()


def test_what_does_not_fit_is_refused(
    tiny_model_folder: Path, tiny_classifier_folder: Path, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match="give it --data"):
        evaluate(tiny_model_folder, task="blimp")
    with pytest.raises(ConfigError, match="give it --text"):
        evaluate(tiny_model_folder, task="pseudo-perplexity", data=pairs)
    with pytest.raises(ModelError, match=r"asked of a language model, but .* classifier"):
        evaluate(tiny_classifier_folder, task="blimp", data=pairs)
