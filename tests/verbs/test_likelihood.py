"""`unmask evaluate --task`: minimal pairs and pseudo-perplexity, from a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import sentences
from unmask.arch.registry import arch_of, sized_config
from unmask.checkpoint.folder import open_language_model, save_model
from unmask.errors import ConfigError, ModelError, TextError, TooLong
from unmask.evaluation.minimal_pairs import measure, read_pairs
from unmask.evaluation.pseudo import likelihoods
from unmask.evaluation.whole_words import WholeWordEvaluation
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_text import WholeWordsEvaluation
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


def test_each_line_may_be_a_text(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(sentences()[:30]), "utf-8")

    def asked(**how: Any) -> Any:
        return evaluate(tiny_model_folder, task="pseudo-perplexity", text=path, threads=1, **how)

    with pytest.raises(TooLong, match="a text that is scored must fit the context of 48 tokens"):
        asked()
    found = asked(document="line")
    opened = open_language_model(tiny_model_folder)
    truth = likelihoods(opened.model, opened.tokenizer, sentences()[:30])
    assert found.perplexity == pytest.approx(truth.perplexity)
    assert found.texts == 30
    # Without a task too: texts by themselves, each with its special tokens.
    whole = evaluate(tiny_model_folder, text=path, threads=1)
    lines = evaluate(tiny_model_folder, text=path, document="line", threads=1)
    assert lines.as_dict()["tokens"] > whole.as_dict()["tokens"]


def test_a_text_without_a_token_has_no_perplexity(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("", "utf-8")
    with pytest.raises(TextError, match=r"that of tokens, but .*empty.txt have none; check --text"):
        evaluate(tiny_model_folder, task="pseudo-perplexity", text=path, threads=1)


def test_whole_words(tiny_model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(sentences()), "utf-8")
    found = evaluate(
        tiny_model_folder, task="whole-word", text=tmp_path / "a.txt", document="line",
        most_tokens=400, threads=1,
    )  # fmt: skip
    assert isinstance(found, WholeWordsEvaluation)
    opened = open_language_model(tiny_model_folder)
    tasks = WholeWordEvaluation.over(opened.tokenizer, sentences(), context=48, most_tokens=400)
    truth = tasks(opened.model)
    assert (found.right, found.loss) == pytest.approx((truth["top1"], truth["loss"]))
    assert (found.words, found.targets, found.left_out) == (
        tasks.words, tasks.targets, tasks.left_out,
    )  # fmt: skip
    assert found.left_out > 0
    assert found.targets > found.words > 0  # words of several pieces
    words = found.in_words()
    assert words["all of the word right"] == f"{found.right:.1%}"
    assert found.long_right == pytest.approx(truth["long_top1"])
    assert found.long_words == tasks.long_words
    assert words["of words of several tokens"].endswith(f"% of {tasks.long_words:,}")


def test_whole_words_are_for_masked_models(tiny_model_folder: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(tiny_model_folder)
    arch = arch_of("decoder")
    config = sized_config(
        "decoder", "1x64", vocab_size=tokenizer.vocab_size, context=48,
        pad_token_id=tokenizer.pad_id,
    )  # fmt: skip
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, 0.1, 1, torch.Generator().manual_seed(0))
    folder = tmp_path / "decoder"
    save_model(folder, model.eval(), arch=arch, config=config, tokenizer=tokenizer)
    (tmp_path / "a.txt").write_text("some words", "utf-8")
    with pytest.raises(ConfigError, match=r"hidden from a masked model, but .* next tokens.*leave"):
        evaluate(folder, task="whole-word", text=tmp_path / "a.txt", threads=1)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"score": "within-word"}, "--score within-word would do n.* --task blimp and --task pse"),
        (
            {"task": "bleu"},
            "task must be one of blimp, pseudo-perplexity, .* not .bleu.; leave it out",
        ),
        ({"most_pairs": 3}, "--most-pairs 3 would do nothing: it is for --task blimp; give what"),
        ({"splitter": "sentences"}, "--splitter sentences would do nothing.*--task nsp and --task"),
        ({"task": "sop", "language": "de"}, "--language de would do nothing.*--splitter sentences"),
        ({"task": "blimp", "document": "line"}, "--document line would do nothing: it is for --te"),
        ({"task": "pseudo-perplexity", "most_tokens": 9}, "--most-tokens 9 would do nothing"),
        ({"text": (), "document": "line"}, "--document line would do nothing: it is for --text"),
        ({"task": "blimp", "text": (), "most_pairs": 0}, "at least one pair .*--most-pairs is 0"),
        ({"task": "whole-word", "text": ()}, "--task whole-word hides words .* give it --text"),
    ],
)
def test_what_would_do_nothing_is_refused(
    asked: dict[str, Any], rule: str, tiny_model_folder: Path, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match=rule):
        evaluate(tiny_model_folder, **{"text": pairs, **asked}, threads=1)


def test_what_does_not_fit_is_refused(
    tiny_model_folder: Path, tiny_classifier_folder: Path, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match="give it --data"):
        evaluate(tiny_model_folder, task="blimp")
    with pytest.raises(ConfigError, match="give it --text"):
        evaluate(tiny_model_folder, task="pseudo-perplexity", data=pairs)
    with pytest.raises(ModelError, match=r"asked of a language model, but .* classifier"):
        evaluate(tiny_classifier_folder, task="blimp", data=pairs)
