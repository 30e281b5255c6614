"""Models by name, from a server on this machine that speaks the Hub's protocol."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoTokenizer, ModernBertConfig, ModernBertForMaskedLM

from tests.checkpoint.hubserver import HubServer, Repository, files_of
from tests.checkpoint.models import LABELS, Saver, same
from unmask import Classifier, Embedder, Encoder, FillMask
from unmask.batches.pack import pack
from unmask.checkpoint.cross import open_cross, save_cross
from unmask.checkpoint.folder import open_classifier, open_encoder, open_language_model
from unmask.checkpoint.hub import fetch, is_name
from unmask.checkpoint.locating import locate
from unmask.checkpoint.modelfiles import files_of_model
from unmask.checkpoint.origin import Origin, read_origin
from unmask.errors import (
    CheckpointError,
    ConfigError,
    CorruptCheckpoint,
    ModelError,
    UnmaskError,
    UnsupportedModel,
)
from unmask.tokens.train import train
from unmask.verbs.info import info

pytestmark = pytest.mark.usefixtures("one_thread")

NAME = "org/name"
EVERYTHING = {
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md",
}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, cache: Path, tmp_path: Path) -> Iterator[HubServer]:
    """A running server that the library takes for the Hub, with a cache of the test's own."""
    server = HubServer({NAME: Repository()})
    with server.running():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        # Names are looked for beside the test, not in the checkout.
        monkeypatch.chdir(tmp_path)
        yield server


@pytest.fixture
def published(hub: HubServer, save: Saver) -> Path:
    """A language model on the Hub, among files of other libraries; its folder here."""
    folder = save("bert", name="published")
    files = files_of(folder)
    del files["manifest.json"]
    others = ("onnx/model.onnx", "tf_model.h5", "model.fp16.safetensors", "training_args.bin")
    hub.repositories[NAME].commit(files | dict.fromkeys(others, b"not needed"))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def switch() -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    return switch


def commit_of(hub: HubServer, branch: str = "main") -> str:
    return hub.repositories[NAME].branches[branch]


# Opening


def test_a_name_opens_as_its_folder_does(hub: HubServer, published: Path) -> None:
    opened = open_language_model(NAME)
    assert same(opened.model, open_language_model(published).model)
    assert opened.origin == Origin(NAME, None, commit_of(hub))
    assert str(opened.origin) == f"{NAME} at {commit_of(hub)}"


def test_only_what_a_model_is_made_of_is_fetched(hub: HubServer, published: Path) -> None:
    open_language_model(NAME)
    assert set(hub.fetched) == EVERYTHING
    assert len(hub.fetched) == len(EVERYTHING)


def test_what_is_cached_is_not_fetched_again(hub: HubServer, published: Path) -> None:
    open_language_model(NAME)
    hub.requests.clear()
    open_language_model(NAME)
    assert [path for _, path in hub.requests] == [f"/api/models/{NAME}/revision/main"]


def test_a_name_alone_is_a_name_too(hub: HubServer, published: Path) -> None:
    hub.repositories["bert-of-old"] = hub.repositories[NAME]
    opened = open_encoder("bert-of-old")
    assert opened.origin == Origin("bert-of-old", None, commit_of(hub))


def test_a_branch_and_a_commit(hub: HubServer, published: Path, save: Saver) -> None:
    first = commit_of(hub)
    other = files_of(save("bert", "sequence", name="tuned"))
    hub.repositories[NAME].commit(other, "tuned")
    tuned = open_classifier(NAME, revision="tuned")
    assert tuned.origin == Origin(NAME, "tuned", commit_of(hub, "tuned"))
    assert tuned.labels == LABELS
    hub.repositories[NAME].commit(other)
    assert open_classifier(NAME).origin == Origin(NAME, None, commit_of(hub))
    pinned = open_language_model(NAME, revision=first)
    assert pinned.origin == Origin(NAME, first, first)
    assert str(pinned.origin) == f"{NAME} at {first}"
    assert str(tuned.origin).endswith(" (tuned)")


def test_the_classes_open_names(hub: HubServer, published: Path, save: Saver) -> None:
    repository = hub.repositories[NAME]
    repository.commit(files_of(save("bert", "sequence", name="tuned")), "tuned")
    assert FillMask.from_pretrained(NAME)("some [MASK] to learn", top_k=1)
    assert len(Encoder.from_pretrained(NAME, dtype=torch.float64)(["some words"])) == 1
    (answer,) = Classifier.from_pretrained(NAME, revision="tuned").predict(["some words"])
    assert answer["label"] in LABELS


def test_the_well_known_example(hub: HubServer, tmp_path: Path) -> None:
    """One sentence into ModernBERT by its published name: `(1, N, 768)`, as wide as the base is."""
    name = "answerdotai/ModernBERT-base"
    tokens = train(["The capital of France is Paris."] * 3, vocab_size=90, min_frequency=1)
    theirs = ModernBertForMaskedLM(
        ModernBertConfig(vocab_size=96, num_hidden_layers=3, pad_token_id=tokens.pad_id)
    )
    theirs.save_pretrained(tmp_path / "theirs")
    tokens.save_pretrained(tmp_path / "theirs")
    hub.repositories[name] = Repository()
    hub.repositories[name].commit(files_of(tmp_path / "theirs"))
    text = "The capital of France is [MASK]."
    block = Encoder.from_pretrained(name)([text]).padded()
    ids = AutoTokenizer.from_pretrained(tmp_path / "theirs")(text, return_tensors="pt")
    assert block.last_hidden_state.shape[::2] == (1, 768)
    assert block.attention_mask.all()
    masked = FillMask.from_pretrained(name)
    assert len(masked(text, top_k=3)) == 3
    with torch.no_grad():
        expected = theirs.eval()(**ids, output_hidden_states=True).hidden_states[-1]
    literal = open_encoder(name).model(pack([ids["input_ids"][0].tolist()]))
    torch.testing.assert_close(literal[None], expected, rtol=0.0, atol=1e-4)


def test_an_embedding_model_by_name(hub: HubServer, save: Saver, tmp_path: Path) -> None:
    made = Embedder.from_pretrained(save("bert", "encoder"), pooling="mean")
    made.save_pretrained(tmp_path / "embedder")
    hub.repositories[NAME].commit(files_of(tmp_path / "embedder"))
    opened = Embedder.from_pretrained(NAME, revision="main")
    wanted = made.encode(["some words"])
    assert torch.equal(torch.as_tensor(opened.encode(["some words"])), torch.as_tensor(wanted))
    assert {"modules.json", "1_Pooling/config.json"} < set(hub.fetched)
    opened.save_pretrained(tmp_path / "again")
    assert read_origin(tmp_path / "again") == Origin(NAME, "main", commit_of(hub))
    assert info(NAME).origin == f"{NAME} at {commit_of(hub)}"


def test_a_cross_encoder_by_name(hub: HubServer, save: Saver, tmp_path: Path) -> None:
    hub.repositories[NAME].commit(files_of(save("bert", "sequence")))
    opened = open_cross(NAME)
    save_cross(tmp_path / "again", opened)
    assert read_origin(tmp_path / "again") == Origin(NAME, None, commit_of(hub))


def test_shards_are_fetched_with_their_index(
    hub: HubServer, published: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(published / "model.safetensors")
    table = {}
    for number, (name, tensor) in enumerate(weights.items()):
        file = f"model-0000{number % 2 + 1}-of-00002.safetensors"
        table[name] = file
        part = {n: t for n, t in weights.items() if table.get(n) == file}
        save_file({**part, name: tensor}, tmp_path / file)
    files = files_of(published)
    del files["model.safetensors"], files["manifest.json"]
    for file in set(table.values()):
        files[file] = (tmp_path / file).read_bytes()
    files["model.safetensors.index.json"] = json.dumps({"weight_map": table}).encode()
    hub.repositories[NAME].commit({**files, "onnx/model-00001-of-00002.safetensors": b"no"})
    assert same(open_language_model(NAME).model, open_language_model(published).model)
    assert not any("onnx" in file for file in hub.fetched)


# A folder wins


def test_a_folder_of_that_name_wins(hub: HubServer, published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "org" / "name")
    assert open_language_model(NAME).origin is None
    assert hub.requests == []
    with pytest.raises(ConfigError, match=r"revision goes with a name .*org/name is on this m"):
        open_language_model(NAME, revision="main")
    with pytest.raises(ConfigError, match="not be empty"):
        open_language_model(NAME, revision="")


@pytest.mark.parametrize(
    "path", ["a/b/c", "./org/name", "org/name/", "/org/name", "~/name", "org/na me", ".org/x"]
)
def test_what_is_no_name_is_not_looked_for_on_the_hub(hub: HubServer, path: str) -> None:
    assert not is_name(path)
    with pytest.raises(ModelError, match=r"must be the folder of a model .*, but does not exist"):
        open_encoder(path)
    assert hub.requests == []


def test_a_path_object_is_never_a_name(hub: HubServer, published: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="but does not exist"):
        open_encoder(Path(NAME))
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "name").write_text("a file")
    with pytest.raises(ModelError, match="but is a file"):
        open_encoder(NAME)
    assert hub.requests == []


def test_the_shape_of_names() -> None:
    assert is_name("org/name")
    assert is_name("bert-base_uncased.v2")
    assert not any(map(is_name, ["org--x/name", "a..b", "name.git", "é/x", "", "org/", "-a/b"]))


# Without a network


def test_a_cached_name_opens_when_the_server_is_gone(
    hub: HubServer, published: Path, cache: Path
) -> None:
    elsewhere = HubServer({NAME: hub.repositories[NAME]})
    with elsewhere.running():
        first = fetch(NAME, endpoint=elsewhere.url, cache=cache)
    assert fetch(NAME, endpoint=elsewhere.url, cache=cache) == first
    hub.down = True
    assert open_language_model(NAME).origin == first[1]


def test_a_cached_name_opens_offline(
    hub: HubServer, published: Path, offline: Callable[[], None]
) -> None:
    opened = open_language_model(NAME)
    offline()
    hub.requests.clear()
    assert open_language_model(NAME).origin == opened.origin
    assert open_language_model(NAME, revision=commit_of(hub)).path == opened.path
    assert hub.requests == []


def test_an_uncached_name_offline_names_the_command(
    hub: HubServer, published: Path, offline: Callable[[], None], cache: Path
) -> None:
    offline()
    with pytest.raises(ModelError) as caught:
        open_language_model(NAME)
    text = str(caught.value)
    assert text.startswith(f"{NAME} is no folder on this machine, and as a name on the Hub it is")
    assert f"not in the cache ({cache}), and the network is switched off by HF_HUB_OFFLINE" in text
    assert f"run `hf download {NAME}`;" in text
    with pytest.raises(ModelError, match="run `hf download org/name --revision v1`;"):
        open_language_model(NAME, revision="v1")


def test_an_uncached_name_without_a_server(hub: HubServer, published: Path) -> None:
    hub.down = True
    with pytest.raises(ModelError, match=r"not in the cache.*cannot be reached \(.*503.*`hf down"):
        open_language_model(NAME)


@pytest.mark.parametrize("listed", [True, False])
def test_a_file_missing_in_the_cache(
    hub: HubServer, published: Path, offline: Callable[[], None], cache: Path, listed: bool
) -> None:
    folder = open_language_model(NAME).path
    (folder / "model.safetensors").unlink()
    whole = "model.safetensors"
    if not listed:  # as caches of older versions of the library are
        # The library remembers the list of a commit as long as the process lives.
        cache = cache.rename(cache.with_name("moved"))
        shutil.rmtree(next(cache.glob("models--*/trees")))
        whole = "its weights"
    offline()
    with pytest.raises(ModelError, match=rf"in the cache only in part, without {whole} .*`hf down"):
        fetch(NAME, cache=cache)
    assert hub.requests


def test_a_cache_without_a_list_of_files_opens(
    hub: HubServer, published: Path, offline: Callable[[], None], cache: Path
) -> None:
    open_language_model(NAME)
    cache = cache.rename(cache.with_name("moved"))
    shutil.rmtree(next(cache.glob("models--*/trees")))
    offline()
    folder, origin = fetch(NAME, cache=cache)
    assert origin.commit == commit_of(hub)
    assert open_language_model(folder)


# What is not there


@pytest.mark.parametrize(
    ("name", "revision", "says"),
    [
        ("org/unknown", None, r"org/unknown is no folder .* on the Hub it does not exist, or is p"),
        (NAME, "v9", r"on the Hub it has no revision 'v9'\. Give the name of a branch or a tag"),
        (NAME, "0" * 40, r"has no revision '0+'"),
    ],
)
def test_unknown_names_and_revisions(
    hub: HubServer, published: Path, name: str, revision: str | None, says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        open_language_model(name, revision=revision)


def test_a_gated_model(hub: HubServer, published: Path) -> None:
    hub.repositories[NAME].gated = True
    with pytest.raises(ModelError, match=rf"is gated: .*{hub.url}/{NAME}, log in with `hf auth"):
        open_language_model(NAME)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_pickle_is_refused_before_it_is_fetched(hub: HubServer, file: str) -> None:
    hub.repositories[NAME].commit({"config.json": b"{}", file: b"x", "pytorch_model-1.bin": b"x"})
    with pytest.raises(UnsupportedModel, match=rf"as {file}, .*unmask convert {NAME} --out DIR"):
        open_language_model(NAME)
    assert hub.fetched == ["config.json"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"README.md"}, "it has no config.json"),
        ({"config.json", "onnx/model.safetensors"}, "holds no weights"),
        ({"config.json", "tf_model.h5"}, "as tf_model.h5"),
    ],
)
def test_repositories_without_a_model(hub: HubServer, files: set[str], says: str) -> None:
    hub.repositories[NAME].commit(dict.fromkeys(files, b"{}"))
    with pytest.raises(ModelError, match=says):
        open_language_model(NAME)


# Broken transfers


@pytest.mark.parametrize("fault", ["short", "shrunk"])
def test_a_download_that_is_cut_off_is_an_error(
    hub: HubServer, published: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the library's attempts
    getattr(hub, fault).add("model.safetensors")
    with pytest.raises(CheckpointError, match=r"broke off at .*model\.safetensors.*start again"):
        open_language_model(NAME)
    getattr(hub, fault).clear()
    assert same(open_language_model(NAME).model, open_language_model(published).model)


# The record


def test_the_commit_goes_with_the_model(hub: HubServer, published: Path, tmp_path: Path) -> None:
    fill = FillMask.from_pretrained(NAME, revision="main")
    fill.save_pretrained(tmp_path / "one")
    wanted = {"name": NAME, "revision": "main", "commit": commit_of(hub)}
    assert json.loads((tmp_path / "one" / "source.json").read_text()) == wanted
    again = Encoder.from_pretrained(tmp_path / "one")
    assert again.opened.origin == Origin(**wanted)
    again.save_pretrained(tmp_path / "two")
    assert read_origin(tmp_path / "two") == again.opened.origin


def test_a_model_of_our_own_has_no_source(save: Saver) -> None:
    folder = save("bert")
    assert not (folder / "source.json").exists()
    assert open_language_model(folder).origin is None


def test_a_source_that_we_did_not_write_is_not_read(save: Saver) -> None:
    folder = save("bert")
    (folder / "source.json").write_text("somebody else's")
    assert open_language_model(folder).origin is None
    (folder / "manifest.json").unlink()
    assert open_language_model(folder).origin is None


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"name": NAME, "revision": None, "commit": "main"},
        {"name": NAME, "revision": 1, "commit": "0" * 40},
        {"name": NAME, "revision": None, "commit": "0" * 40, "more": 1},
    ],
)
def test_a_record_of_another_form(tmp_path: Path, record: object) -> None:
    from unmask.checkpoint.files import publish, write_json

    publish(tmp_path / "x", lambda folder: write_json(folder / "source.json", record))
    with pytest.raises(CorruptCheckpoint, match=r"source\.json must hold name, revision and comm"):
        read_origin(tmp_path / "x")


# Which files


def test_of_several_kinds_of_weights_one_is_taken() -> None:
    beside = ["config.json", "1_Pooling/config.json", "2_Dense/config.json", "modules.json"]
    beside += ["sentence_bert_config.json", "sentence_xlm-roberta_config.json"]
    names = [*beside, "model.safetensors", "pytorch_model.bin", "2_Dense/model.safetensors"]
    others = [
        "2_Dense/pytorch_model.bin",
        "runs/x.json",
        "model.onnx",
        "openvino/model.safetensors",
    ]
    wanted = sorted([*beside, "model.safetensors", "2_Dense/model.safetensors"])
    assert files_of_model([*names, *others], "x") == wanted
    assert files_of_model([*names, *others], "x", pickled=True) == wanted


@pytest.mark.parametrize(
    "weights",
    [
        ["model.safetensors"],
        ["model-00001-of-00001.safetensors", "model.safetensors.index.json"],
        ["pytorch_model.bin"],
    ],
)
def test_ranges_of_int8_are_taken_with_their_weights(weights: list[str]) -> None:
    names = ["config.json", "int8.json", "int8.safetensors", *weights]
    assert files_of_model(names, "x", pickled=True) == sorted(names)


def test_pickle_is_taken_where_it_is_wanted() -> None:
    names = ["config.json", "pytorch_model.bin", "2_Dense/pytorch_model.bin", "rust_model.ot"]
    assert files_of_model(names, "x", pickled=True) == sorted(names[:3])
    shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json", "config.json"]
    more = ["training_args.bin", "optimizer.bin"]
    assert files_of_model([*shards, *more], "x", pickled=True) == sorted(shards)


def test_every_error_is_one_of_ours(hub: HubServer, cache: Path, published: Path) -> None:
    cache.write_text("not a folder")
    with pytest.raises(UnmaskError):
        locate(NAME)
