"""Model folders that are damaged, incomplete, hostile or of another kind: a clear error each."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.checkpoint.models import LABELS, Saver, reweigh, rewrite, same
from unmask.checkpoint.cross import open_cross
from unmask.checkpoint.folder import open_classifier, open_encoder, open_language_model
from unmask.checkpoint.locating import locate, model_folder
from unmask.checkpoint.sentence import open_sentence
from unmask.errors import (
    CheckpointError,
    CorruptCheckpoint,
    ModelError,
    TokenizerError,
    UnmaskError,
    UnsupportedModel,
    WeightMapError,
)

pytestmark = pytest.mark.usefixtures("one_thread")

WEIGHTS = "model.safetensors"


def unsealed(folder: Path) -> Path:
    """The folder without its manifest, as others publish theirs."""
    (folder / "manifest.json").unlink(missing_ok=True)
    return folder


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    "name", [WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json"]
)
def test_a_flipped_bit_is_an_error_that_names_the_file(save: Saver, name: str) -> None:
    folder = save("modernbert")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match=f"{name}: sha256 is"):
        open_language_model(folder)


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_truncated_weights(save: Saver, keep: float) -> None:
    folder = unsealed(save("bert"))
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: int(len(data) * keep) if 0 < keep < 1 else int(keep)])
    with pytest.raises(CorruptCheckpoint, match=rf"{WEIGHTS} is not a readable safetensors file"):
        open_language_model(folder)


def test_weights_that_are_something_else(save: Saver) -> None:
    folder = unsealed(save("bert"))
    (folder / WEIGHTS).write_bytes(pickle.dumps(Trap(folder / "ran")))
    with pytest.raises(CorruptCheckpoint, match="not a readable safetensors file"):
        open_language_model(folder)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        (WEIGHTS, ModelError, "holds no weights: neither model.safetensors nor"),
        ("config.json", ModelError, "holds no model: neither config.json nor"),
        ("tokenizer.json", TokenizerError, "has no tokenizer.json"),
    ],
)
def test_missing_files_are_named(
    save: Saver, name: str, error: type[UnmaskError], says: str
) -> None:
    folder = unsealed(save("bert"))
    (folder / name).unlink()
    with pytest.raises(error) as caught:
        open_language_model(folder)
    assert says in str(caught.value)


def test_a_file_missing_from_the_manifest_is_named(save: Saver) -> None:
    folder = save("bert")
    (folder / WEIGHTS).unlink()
    with pytest.raises(CorruptCheckpoint, match=f"{WEIGHTS}: missing"):
        open_language_model(folder)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("pytorch_model.bin", "unmask convert .*saved --out DIR"),
        ("pytorch_model.bin.index.json", "unmask convert .*saved --out DIR"),
        ("tf_model.h5", "transformers.*save_pretrained"),
    ],
)
def test_other_kinds_of_weights_are_refused_with_a_remedy(
    save: Saver, name: str, remedy: str
) -> None:
    folder = unsealed(save("bert"))
    (folder / WEIGHTS).unlink()
    (folder / name).write_bytes(pickle.dumps(Trap(folder / "ran")))
    with pytest.raises(UnsupportedModel, match=rf"as {name}, .*{remedy}"):
        open_language_model(folder)
    assert not (folder / "ran").exists()


def test_pickle_beside_safetensors_is_not_touched(save: Saver) -> None:
    folder = unsealed(save("bert"))
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Trap(folder / "ran")))
    assert open_language_model(folder)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"model_type": None}, ModelError, "has no model_type"),
        ({"model_type": "gpt2"}, UnsupportedModel, "qwen2, not 'gpt2'"),
        ({"model_type": ["bert"]}, ModelError, "must be a name, not ['bert']"),
        ({"auto_map": {"AutoModel": "x.Y"}}, UnsupportedModel, "code of its own (auto_map)"),
        ({"is_decoder": True}, UnsupportedModel, "is_decoder=True"),
        ({"tie_word_embeddings": False}, UnsupportedModel, "tie_word_embeddings=False"),
        ({"vocab_size": "90"}, UnsupportedModel, "vocab_size='90'"),
        ({"vocab_size": 20}, ModelError, "but the model's token table has 20 rows"),
        ({"vocab_size": 91}, WeightMapError, "tokens.weight has shape (90, 64), not (91, 64)"),
        (
            {"num_hidden_layers": 3},
            WeightMapError,
            "places without a weight: bert.encoder.layer.2",
        ),
        ({"num_hidden_layers": 1}, WeightMapError, "weights without a place: bert.encoder.layer.1"),
        ({"hidden_size": 1 << 28}, WeightMapError, "tokens.weight has shape (90, 64), not (90, 26"),
        ({"hidden_size": 10**12}, UnsupportedModel, "hidden_size=1000000000000"),
    ],
)
def test_config_json_that_is_wrong(
    save: Saver, changes: dict[str, Any], error: type[ModelError], says: str
) -> None:
    folder = save("bert")
    rewrite(folder, **changes)
    with pytest.raises(error) as caught:
        open_language_model(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1, "a": 2}', "null", "\ud800", "[" * 9999])
def test_config_json_that_is_no_object(save: Saver, text: str) -> None:
    folder = unsealed(save("bert"))
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UnmaskError, match=r"config\.json"):
        open_language_model(folder)


def test_nothing_fits_and_everything_is_listed(save: Saver) -> None:
    folder = save("bert")
    reweigh(folder, lambda weights: [weights.pop("bert.embeddings.LayerNorm.bias")])
    reweigh(folder, lambda weights: weights.update({"bert.scale": torch.ones(1)}))
    with pytest.raises(WeightMapError) as caught:
        open_encoder(folder)
    assert "weights without a place: bert.scale" in str(caught.value)
    assert "places without a weight: bert.embeddings.LayerNorm.bias" in str(caught.value)


def test_quantised_weights_are_refused(save: Saver) -> None:
    folder = save("bert")
    name = "bert.encoder.layer.0.output.dense.weight"
    reweigh(folder, lambda weights: weights.update({name: weights[name].to(torch.int8)}))
    with pytest.raises(UnsupportedModel, match=r"mlp\.down\.weight is of torch\.int8: quantised"):
        open_language_model(folder)


def test_a_language_model_without_its_head_is_still_an_encoder(save: Saver) -> None:
    folder = save("bert")
    reweigh(folder, lambda weights: [weights.pop(n) for n in list(weights) if n[:4] == "cls."])
    with pytest.raises(ModelError, match="names BertForMaskedLM, whose head is not stored"):
        open_language_model(folder)
    assert open_encoder(folder).aside == ()
    assert len(open_classifier(folder, labels=LABELS).new) == 4


# Several files and an index


@pytest.fixture
def sharded(save: Saver, tmp_path: Path) -> Path:
    """A folder whose weights `transformers` cut into several files."""
    folder = tmp_path / "sharded"
    whole = save("bert")
    model = transformers.AutoModelForMaskedLM.from_pretrained(whole)
    model.save_pretrained(folder, max_shard_size="60KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(whole / name, folder / name)
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    return folder


def index_of(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder / f"{WEIGHTS}.index.json").read_text())
    return index


def write_index(folder: Path, index: object) -> None:
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def test_shards_are_read_as_one(sharded: Path, tmp_path: Path) -> None:
    whole = open_language_model(tmp_path / "saved")
    assert same(open_language_model(sharded).model, whole.model)


def test_a_missing_shard_is_named(sharded: Path) -> None:
    first = sorted(sharded.glob("model-*.safetensors"))[0]
    first.unlink()
    with pytest.raises(ModelError, match=f"lacks {first.name}, which {WEIGHTS}.index.json names"):
        open_language_model(sharded)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "x.bin", "", "."])
def test_an_index_names_files_of_its_folder_alone(sharded: Path, name: str) -> None:
    index = index_of(sharded)
    index["weight_map"]["cls.predictions.bias"] = name
    write_index(sharded, index)
    with pytest.raises(CorruptCheckpoint, match="no safetensors file of the same folder"):
        open_language_model(sharded)


def test_an_index_and_its_files_agree(sharded: Path) -> None:
    index = index_of(sharded)
    removed = index["weight_map"].pop("cls.predictions.bias")
    write_index(sharded, index)
    with pytest.raises(CorruptCheckpoint, match=rf"{removed} and .* disagree on: cls\.predictions"):
        open_language_model(sharded)


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {"a": 1}}])
def test_an_index_of_another_form(sharded: Path, index: object) -> None:
    write_index(sharded, index)
    with pytest.raises(CorruptCheckpoint, match="has no table weight_map"):
        open_language_model(sharded)


def test_an_empty_index_is_strict_too(sharded: Path) -> None:
    write_index(sharded, {"weight_map": {}})
    with pytest.raises(WeightMapError, match="places without a weight"):
        open_encoder(sharded)


# The tokenizer


def test_a_tokenizer_with_more_ids_than_rows(save: Saver) -> None:
    folder = unsealed(save("bert"))
    path = folder / "tokenizer.json"
    spec = json.loads(path.read_text())
    spec["model"]["vocab"]["overflowing"] = 90
    path.write_text(json.dumps(spec))
    with pytest.raises(ModelError, match=r"ids up to 90, but the model's token table has 90 rows"):
        open_language_model(folder)


def test_a_broken_tokenizer(save: Saver) -> None:
    folder = unsealed(save("bert"))
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError):
        open_language_model(folder)


def test_a_manifest_of_another_folder(save: Saver) -> None:
    one, two = save("bert"), save("modernbert", name="two")
    shutil.copy(two / "manifest.json", one / "manifest.json")
    with pytest.raises(CheckpointError, match="files are not as they were written"):
        open_language_model(one)


def test_weights_without_a_manifest_are_the_readers_own_risk(save: Saver) -> None:
    """Nothing but a digest notices a changed value: documented, and the reason for manifests."""
    folder = unsealed(save("bert"))
    weights = load_file(folder / WEIGHTS)
    weights["cls.predictions.bias"] += 1
    save_file(weights, folder / WEIGHTS)
    assert open_language_model(folder).model.head.bias.mean() > 0.5  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "open_one", [open_encoder, open_language_model, open_sentence, open_cross, locate, model_folder]
)
def test_an_empty_path_is_not_the_present_folder(
    save: Saver, monkeypatch: pytest.MonkeyPatch, open_one: Callable[[str], object]
) -> None:
    monkeypatch.chdir(save("bert"))
    with pytest.raises(ModelError, match=r"must not be empty, but is ''\. Name the folder of a"):
        open_one("")
    assert model_folder(".").samefile(Path.cwd())
