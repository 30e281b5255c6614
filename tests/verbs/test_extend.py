"""`unmask tokenizer extend`: every kind of folder in, the same kind out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sentence_transformers
import torch

from tests.conftest import sentences
from unmask.checkpoint.cross import CrossModel, open_cross, save_cross
from unmask.checkpoint.folder import open_classifier, open_encoder, open_language_model, open_model
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import CheckpointError, ModelError, TextError, TokenizerError
from unmask.pipelines.fill import FillMask
from unmask.tokens import Tokenizer
from unmask.verbs.extend import extend_tokenizer

FIELD = ["the submodule is checked out", "a rebase of the submodule", "rebase, then fetch it"] * 3


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "field.txt"
    path.write_text("\n\n".join(FIELD))
    return path


def test_a_language_model(tiny_model_folder: Path, text: Path, tmp_path: Path) -> None:
    result = extend_tokenizer(tiny_model_folder, text=text, out=tmp_path / "new")
    assert {"submodule", "rebase"} <= {word.text for word in result.extension.words}
    assert result.before.tokens_per_word > result.after.tokens_per_word
    assert result.after.words == result.before.words
    new = open_language_model(tmp_path / "new")
    assert result.rows == new.config.vocab_size == new.tokenizer.vocab_size
    assert new.tokenizer == result.extension.tokenizer
    assert new.model.encoder.embedding.tokens.weight.shape[0] == result.rows
    fill = FillMask.from_pretrained(tmp_path / "new")
    assert fill("the submodule sees [MASK].")
    old = open_language_model(tiny_model_folder)
    assert new.config == old.arch.check({**old.config.model_dump(), "vocab_size": result.rows})
    facts = result.figures()
    assert json.loads(json.dumps(facts)) == facts
    first = facts["added"][0]
    assert first["count"] * (len(first["pieces"]) - 1) >= 6
    assert result.in_words()["words added"].startswith(str(len(result.extension.words)))


def test_a_run_and_a_classifier(tiny_classifier_folder: Path, text: Path, tmp_path: Path) -> None:
    extend_tokenizer(tiny_classifier_folder, text=[text], out=tmp_path / "run" / "model", add=1)
    new = open_classifier(tmp_path / "run")
    assert new.labels == ("bad", "fine", "good")
    again = extend_tokenizer(tmp_path / "run", text=text, out=tmp_path / "again", add=1)
    assert len(again.extension.words) == 1
    assert open_classifier(tmp_path / "again").config.vocab_size == new.config.vocab_size + 1


def test_a_tokenizer_alone(tiny_model_folder: Path, text: Path, tmp_path: Path) -> None:
    old = Tokenizer.from_pretrained(tiny_model_folder)
    old.save_pretrained(tmp_path / "tok")
    result = extend_tokenizer(tmp_path / "tok", text=text, out=tmp_path / "new", add=2)
    assert result.rows is None
    assert "rows of the token table" not in result.in_words()
    assert not (tmp_path / "new" / "config.json").exists()
    new = Tokenizer.from_pretrained(tmp_path / "new")
    assert new == result.extension.tokenizer
    assert new.settings == Tokenizer.from_pretrained(tmp_path / "tok").settings


def test_an_embedding_model(tiny_model_folder: Path, text: Path, tmp_path: Path) -> None:
    save_sentence(tmp_path / "old", open_sentence(tiny_model_folder, pooling="mean"))
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=3)
    old, new = open_sentence(tmp_path / "old"), open_sentence(tmp_path / "new")
    assert (new.limit, new.head.config) == (old.limit, old.head.config)
    theirs = [
        sentence_transformers.SentenceTransformer(str(tmp_path / name), device="cpu").encode(
            sentences()[:3]
        )
        for name in ("old", "new")
    ]
    assert torch.allclose(*map(torch.from_numpy, theirs), atol=1e-6)


def test_an_encoder_keeps_what_it_does_not_compute_with(text: Path, tmp_path: Path) -> None:
    from tests.checkpoint.models import config_of, language_model
    from unmask.arch.registry import arch_of
    from unmask.checkpoint.folder import save_model
    from unmask.tokens.train import train

    tokenizer = train(sentences(), vocab_size=90, min_frequency=1)
    config = config_of("bert")
    pooler = {"pooler.dense.weight": torch.ones(64, 64), "pooler.dense.bias": torch.ones(64)}
    save_model(
        tmp_path / "old",
        language_model("bert", config).encoder,
        arch=arch_of("bert"),
        config=config,
        tokenizer=tokenizer,
        kept=pooler,
    )
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=3)
    assert open_encoder(tmp_path / "new").kept.keys() == pooler.keys()
    save_sentence(tmp_path / "emb", open_sentence(tmp_path / "old", pooling="mean"))
    extend_tokenizer(tmp_path / "emb", text=text, out=tmp_path / "emb2", add=3)
    assert open_model(tmp_path / "emb2").kept.keys() == pooler.keys()


def test_a_reranker_keeps_its_activation(
    tiny_classifier_folder: Path, text: Path, tmp_path: Path
) -> None:
    old = open_cross(tiny_classifier_folder)
    save_cross(tmp_path / "old", CrossModel(old.opened, "tanh", 20))
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=2)
    new = open_cross(tmp_path / "new")
    assert (new.activation, new.limit) == ("tanh", 20)


def test_a_folder_that_is_taken_is_refused_and_stays(
    tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    Tokenizer.from_pretrained(tiny_model_folder).save_pretrained(tmp_path / "tok")
    before = (tmp_path / "tok" / "tokenizer.json").read_bytes()
    for model in (tiny_model_folder, tmp_path / "tok"):
        with pytest.raises(CheckpointError, match=r"exists already\. Choose another name"):
            extend_tokenizer(model, text=text, out=tmp_path / "tok")
    assert (tmp_path / "tok" / "tokenizer.json").read_bytes() == before


def test_nothing_to_add_is_an_error(tiny_model_folder: Path, text: Path, tmp_path: Path) -> None:
    message = r"occurs 99 times and has 2 pieces, and no word of the text is such \(\d+ have more"
    with pytest.raises(TokenizerError, match=message):
        extend_tokenizer(tiny_model_folder, text=text, out=tmp_path / "new", min_count=99)
    with pytest.raises(TextError):
        extend_tokenizer(tiny_model_folder, text=tmp_path / "gone", out=tmp_path / "new")
    with pytest.raises(ModelError, match="does not exist"):
        extend_tokenizer(tmp_path / "gone", text=text, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_command(tiny_model_folder: Path, text: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unmask", "tokenizer", "extend", str(tiny_model_folder)]
    options = ["--text", str(text), "--min-count", "3", "--add", "2"]
    done = subprocess.run(
        [*command, *options, "--out", str(tmp_path / "a")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "words added" in done.stdout
    assert "submodule  <-  " in done.stdout
    done = subprocess.run(
        [*command, *options, "--json", "--out", str(tmp_path / "b")], capture_output=True, text=True
    )
    assert len(json.loads(done.stdout)["added"]) == 2
    assert open_model(tmp_path / "a").tokenizer == open_model(tmp_path / "b").tokenizer
