"""`unmask tokenizer extend`: every kind of folder in, the same kind out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sentence_transformers
import torch
from safetensors.torch import load_file

from tests.checkpoint.hubserver import HubServer, files_of
from tests.checkpoint.models import config_of, language_model
from tests.conftest import sentences
from unmask.arch.registry import arch_of
from unmask.checkpoint.answer_rule import AnswerRule
from unmask.checkpoint.answering import open_answerer, save_answerer
from unmask.checkpoint.cross import CrossModel, open_cross, save_cross
from unmask.checkpoint.folder import (
    open_classifier,
    open_encoder,
    open_language_model,
    open_model,
    save_model,
)
from unmask.checkpoint.origin import Origin, read_origin
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import CheckpointError, ConfigError, ModelError, TextError, TokenizerError
from unmask.heads.embedding import DenseConfig, EmbeddingHead, NormalizeConfig
from unmask.pipelines.fill import FillMask
from unmask.tokens import Tokenizer
from unmask.tokens.train import train
from unmask.verbs.convert import convert
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


def types_of(folder: Path) -> set[torch.dtype]:
    return {weight.dtype for weight in load_file(folder / "model.safetensors").values()}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_stored_type_stays(
    tiny_model_folder: Path, text: Path, tmp_path: Path, dtype: str
) -> None:
    convert(tiny_model_folder, out=tmp_path / "old", dtype=dtype)
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=2)
    assert types_of(tmp_path / "new") == {getattr(torch, dtype)}
    old, new = (load_file(tmp_path / name / "model.safetensors") for name in ("old", "new"))
    table = "model.embeddings.tok_embeddings.weight"
    assert torch.equal(new[table][: len(old[table])], old[table])
    others = old.keys() - {table, "decoder.bias"}
    assert all(torch.equal(old[name], new[name]) for name in others)
    assert json.loads((tmp_path / "new" / "config.json").read_text())["dtype"] == dtype


def test_the_stored_type_of_a_classifier_and_a_reranker_stays(
    tiny_classifier_folder: Path, text: Path, tmp_path: Path
) -> None:
    convert(tiny_classifier_folder, out=tmp_path / "old", dtype="bfloat16")
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=2)
    assert types_of(tmp_path / "new") == {torch.bfloat16}
    save_cross(tmp_path / "cross", CrossModel(open_classifier(tmp_path / "old"), "tanh", 20))
    convert(tmp_path / "cross", out=tmp_path / "half", dtype="bfloat16")
    extend_tokenizer(tmp_path / "half", text=text, out=tmp_path / "longer", add=2)
    assert types_of(tmp_path / "longer") == {torch.bfloat16}


def test_each_module_of_an_embedding_model_keeps_its_type(text: Path, tmp_path: Path) -> None:
    """An encoder of half precision with its pooler, before a Dense of full precision."""
    config = config_of("bert")
    half = {"pooler.dense.weight": torch.ones(64, 64), "pooler.dense.bias": torch.ones(64)}
    save_model(
        tmp_path / "encoder",
        language_model("bert", config).encoder.to(torch.float16),
        arch=arch_of("bert"),
        config=config,
        tokenizer=train(sentences(), vocab_size=90, min_frequency=1),
        kept={name: weight.to(torch.float16) for name, weight in half.items()},
    )
    model = open_sentence(tmp_path / "encoder", pooling="mean", dtype=torch.float16)
    stages = (DenseConfig(inputs=64, outputs=8, activation="tanh"), NormalizeConfig())
    head = EmbeddingHead(replace(model.head.config, stages=stages))
    save_sentence(tmp_path / "old", replace(model, head=head))
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=2)
    assert types_of(tmp_path / "new") == {torch.float16}
    old, new = (load_file(tmp_path / n / "2_Dense/model.safetensors") for n in ("old", "new"))
    assert {weight.dtype for weight in new.values()} == {torch.float32}
    assert all(torch.equal(old[name], new[name]) for name in old)
    kept = load_file(tmp_path / "new" / "model.safetensors")
    assert torch.equal(kept["pooler.dense.bias"], torch.ones(64, dtype=torch.float16))


def test_a_name_on_the_hub(
    hub: HubServer, tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    repository = hub.repositories["org/name"]
    commit = repository.commit(files_of(tiny_model_folder), "v1")
    save_sentence(tmp_path / "emb", open_sentence(tiny_model_folder, pooling="mean"))
    newest = repository.commit(files_of(tmp_path / "emb"))
    result = extend_tokenizer("org/name", revision="v1", text=text, out=tmp_path / "new", add=2)
    here = extend_tokenizer(tiny_model_folder, text=text, out=tmp_path / "here", add=2)
    assert result.extension.tokenizer == here.extension.tokenizer
    assert read_origin(tmp_path / "new") == Origin("org/name", "v1", commit)
    assert read_origin(tmp_path / "here") is None
    # The model is asked for once, and the saved folder's record is passed on.
    hub.requests.clear()
    extend_tokenizer("org/name", text=text, out=tmp_path / "emb2", add=2)
    assert [p for _, p in hub.requests if "revision" in p] == ["/api/models/org/name/revision/main"]
    extend_tokenizer(tmp_path / "emb2", text=text, out=tmp_path / "emb3", add=2, min_count=1)
    assert open_sentence(tmp_path / "emb3").encoder.origin == Origin("org/name", None, newest)
    hub.down = True
    extend_tokenizer("org/name", revision="v1", text=text, out=tmp_path / "off", add=2)


def test_what_is_no_name_and_no_revision(
    hub: HubServer, tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="as a name on the Hub it does not exist"):
        extend_tokenizer("org/none", text=text, out=tmp_path / "new")
    Tokenizer.from_pretrained(tiny_model_folder).save_pretrained(tmp_path / "tok")
    for folder in (tiny_model_folder, tmp_path / "tok"):
        with pytest.raises(ConfigError, match="revision goes with a name on the Hub"):
            extend_tokenizer(folder, revision="v1", text=text, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


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


def test_a_model_that_is_not_served_is_no_tokenizer(
    tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    Tokenizer.from_pretrained(tiny_model_folder).save_pretrained(tmp_path / "old")
    for place in (tmp_path / "old" / "model", tmp_path / "old"):
        place.mkdir(exist_ok=True)
        (place / "config.json").write_text('{"model_type": "strange"}')
        with pytest.raises(ModelError, match="strange"):
            extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new")
        (place / "config.json").unlink()


def test_a_model_that_finds_answers_keeps_its_rule(
    tiny_model_folder: Path, text: Path, tmp_path: Path
) -> None:
    rule = AnswerRule(threshold=0.5, window=40, overlap=8, longest=12)
    old = open_answerer(tiny_model_folder, new_head=True)
    save_answerer(tmp_path / "old", replace(old, rule=rule))
    extend_tokenizer(tmp_path / "old", text=text, out=tmp_path / "new", add=3)
    new = open_answerer(tmp_path / "new")
    assert new.rule == rule
    stored = (tmp_path / name / "answering.json" for name in ("old", "new"))
    assert len({path.read_bytes() for path in stored}) == 1
    assert new.opened.config.vocab_size > old.opened.config.vocab_size
