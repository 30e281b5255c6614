"""Damaged, incomplete and lying folders of every architecture: an error, or a model that works."""

from __future__ import annotations

import json
import random
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.contract.folders import FILES, ROWS, WEIGHTS, Folders, finite, flip, unsealed
from unmask.arch.registry import ARCHS
from unmask.checkpoint.folder import open_encoder, open_model
from unmask.errors import (
    CorruptCheckpoint,
    ModelError,
    TokenizerError,
    UnmaskError,
)
from unmask.pipelines.embed import Embedder

pytestmark = pytest.mark.usefixtures("one_thread")

every = pytest.mark.parametrize("arch", ARCHS)


# Bits


@every
def test_a_flipped_bit_in_a_sealed_folder_is_an_error(
    folders: Folders, tmp_path: Path, arch: str
) -> None:
    """Of every file but `README.md`, which people go on writing."""
    dice = random.Random(f"sealed {arch}")
    shutil.copytree(folders(arch), tmp_path / "model")
    for path in sorted((tmp_path / "model").iterdir()):
        for _ in range(6):
            bit = dice.randrange(8 * path.stat().st_size)
            flip(path, bit)
            if path.name == "README.md":
                assert finite(open_model(tmp_path / "model"))
            else:
                with pytest.raises(CorruptCheckpoint, match=path.name):
                    open_model(tmp_path / "model")
            flip(path, bit)
    assert finite(open_model(tmp_path / "model"))


@every
@pytest.mark.filterwarnings("ignore")
def test_a_flipped_bit_in_an_unsealed_folder_is_no_crash(
    folders: Folders, tmp_path: Path, arch: str
) -> None:
    """Nothing but a digest tells one finite weight or one word of a vocabulary from another."""
    dice = random.Random(f"unsealed {arch}")
    folder = unsealed(folders(arch), tmp_path / "model")
    for name in FILES:
        size = (folder / name).stat().st_size
        if name == WEIGHTS:  # most of it is numbers, whose flips are all alike
            size = min(size, 8 + int.from_bytes((folder / name).read_bytes()[:8], "little"))
        for _ in range(12):
            bit = dice.randrange(8 * size)
            flip(folder / name, bit)
            with suppress(UnmaskError):
                finite(open_model(folder))
            flip(folder / name, bit)


@every
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(
    folders: Folders, tmp_path: Path, arch: str, value: float
) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    weights = load_file(folder / WEIGHTS)
    name = next(name for name, weight in weights.items() if len(weight) == ROWS)
    weights[name].view(-1)[-1] = value
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"must be finite numbers, but .* holds a NaN") as caught:
        open_model(folder)
    assert str(folder) in str(caught.value)


def test_weights_too_large_for_the_type_that_is_asked_for(folders: Folders, tmp_path: Path) -> None:
    folder = unsealed(folders("bert"), tmp_path / "model")
    weights = load_file(folder / WEIGHTS)
    weights["cls.predictions.bias"][3] = 1e6
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    assert finite(open_model(folder))
    with pytest.raises(ModelError, match=r"head\.bias holds a NaN or an infinity as float16"):
        open_model(folder, dtype=torch.float16)


def test_numbers_behind_the_encoder_of_an_embedding_model(folders: Folders, tmp_path: Path) -> None:
    Embedder.from_pretrained(folders("bert"), pooling="mean").save_pretrained(tmp_path / "e")
    folder = unsealed(tmp_path / "e", tmp_path / "model")
    entry = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, entry]))
    (folder / "2_Dense").mkdir()
    shape = {"in_features": 64, "out_features": 3, "bias": False}
    (folder / "2_Dense" / "config.json").write_text(
        json.dumps({**shape, "activation_function": "torch.nn.modules.linear.Identity"})
    )
    weight = torch.ones(3, 64)
    save_file({"linear.weight": weight}, folder / "2_Dense" / WEIGHTS)
    assert Embedder.from_pretrained(folder).dimension == 3
    weight[1, 1] = float("nan")
    save_file({"linear.weight": weight}, folder / "2_Dense" / WEIGHTS)
    with pytest.raises(ModelError, match=r"2_Dense: .* linear\.weight holds a NaN"):
        Embedder.from_pretrained(folder)


# Weights that lie


@every
def test_truncated_weights(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    data = (folder / WEIGHTS).read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    within = random.Random(arch).sample(range(header, len(data)), 4)
    for length in (0, 1, 7, 8, 9, header // 2, header - 1, header, *within, len(data) - 1):
        (folder / WEIGHTS).write_bytes(data[:length])
        with pytest.raises(CorruptCheckpoint, match=f"{WEIGHTS} is not a readable safetensors"):
            open_model(folder)


def _with(header: dict[str, Any] | bytes, data: bytes, size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


@every
def test_a_header_that_lies(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    whole = (folder / WEIGHTS).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    first, second, *_ = sorted(
        header.keys() - {"__metadata__"}, key=lambda name: header[name]["data_offsets"]
    )

    def changed(name: str, **entries: Any) -> bytes:
        return _with({**header, name: {**header[name], **entries}}, data)

    twice = f', "{first}": {json.dumps(header[first])}}}'
    lies: dict[str, tuple[bytes, str]] = {
        "beyond": (changed(first, data_offsets=[0, 10**9]), "not a readable"),
        "overlapping": (changed(second, data_offsets=header[first]["data_offsets"]), "readable"),
        "giant": (_with(header, data, 2**63), "header too large"),
        "none": (_with(header, data, 0), "not a readable"),
        "dtype": (changed(first, dtype="F33"), "not a readable"),
        "integers": (changed(first, dtype="I32"), "quantised models are not served"),
        "negative": (changed(first, shape=[-1]), "not a readable"),
        "overflowing": (changed(first, shape=[2**40, 2**40]), "not a readable"),
        "flat": (changed(first, shape=[1, 1, *header[first]["shape"]]), "has shape"),
        "trailing": (whole + b"more", "not fully covered"),
        "empty": (_with({}, b""), "places without a weight"),
        "list": (_with([], data), "not a readable"),  # type: ignore[arg-type]
        "twice": (_with(json.dumps(header)[:-1].encode() + twice.encode(), data), "stands twice"),
    }
    for name, (content, says) in lies.items():
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(UnmaskError) as caught:
            open_model(folder)
        assert says in str(caught.value), name
        assert str(folder) in str(caught.value), name


# Files that are not there


@every
@pytest.mark.parametrize("name", FILES[:3])
def test_missing_files_are_named(folders: Folders, tmp_path: Path, arch: str, name: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(UnmaskError, match=name.replace(".", r"\.")):
        open_model(folder)
    (folder / name).symlink_to("nowhere")
    with pytest.raises(UnmaskError, match=name.replace(".", r"\.")):
        open_model(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(UnmaskError, match=name.replace(".", r"\.")):
        open_model(folder)


@every
def test_links_to_files_are_followed(folders: Folders, tmp_path: Path, arch: str) -> None:
    """A cache of the Hub is made of them."""
    (tmp_path / "cache").mkdir()
    for name in FILES:
        (tmp_path / "cache" / name).symlink_to(folders(arch) / name)
    assert finite(open_model(tmp_path / "cache"))


def test_a_link_that_leads_nowhere_is_not_a_missing_file(folders: Folders, tmp_path: Path) -> None:
    folder = unsealed(folders("bert"), tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    assert finite(open_model(folder))  # it need not be there
    (folder / "tokenizer_config.json").symlink_to("nowhere")
    with pytest.raises(TokenizerError, match=r"tokenizer_config\.json does not exist"):
        open_model(folder)


@every
def test_several_files_of_weights(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    weights = load_file(folder / WEIGHTS)
    names = sorted(weights)
    halves = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, some in halves.items():
        save_file({name: weights[name] for name in some}, folder / file)
    table = {name: file for file, some in halves.items() for name in some}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": table}))
    (folder / WEIGHTS).unlink()
    assert finite(open_model(folder))
    (folder / "model-2.safetensors").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"lacks model-2\.safetensors, which .*index\.json names"):
        open_model(folder)
    shutil.copy(folder / "model-1.safetensors", folder / "model-2.safetensors")
    with pytest.raises(CorruptCheckpoint, match=r"model-2\.safetensors .* disagree on"):
        open_model(folder)
    (folder / f"{WEIGHTS}.index.json").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        open_model(folder)


# Tokenizers of another model


@every
def test_a_tokenizer_with_more_ids_than_rows(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    spec = json.loads((folder / "tokenizer.json").read_text())
    spec["model"]["vocab"]["overflowing"] = ROWS
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match=f"ids up to {ROWS}, but the model's token table has"):
        open_encoder(folder)


@every
def test_a_tokenizer_without_a_mask(folders: Folders, tmp_path: Path, arch: str) -> None:
    """A decoder needs none."""
    folder = unsealed(folders(arch), tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text().replace('"mask_token": "[MASK]",', "")
        (folder / name).write_text(text.replace("[MASK]", "blank"))
    if ARCHS[arch].roles:
        with pytest.raises(TokenizerError, match=r"has no token for: mask \(such as \[MASK\]\)"):
            open_model(folder)
    else:
        assert finite(open_model(folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("tokenizer.json", '"unk_token"', '"version": 1, "unk_token"', None),
        ("tokenizer.json", '"[PAD]": 0', '"[PAD]": 0, "[PAD]": 0', "'[PAD]' stands twice"),
        ("tokenizer.json", '"id": "[SEP]"', '"id": "[END]"', "'[END]', which is not among"),
        ("tokenizer_config.json", '"model_input_names": [', '"x": [', None),
        ("tokenizer_config.json", '"input_ids"', "3", "model_input_names must be a list of names"),
        ("tokenizer_config.json", ": 24", ": 24.5", "must be a whole number, not 24.5"),
        ("tokenizer_config.json", ": 24", ": 1e30", None),
        ("tokenizer_config.json", ": 24", ": NaN", "must be a positive number, not nan"),
    ],
)
def test_files_of_tokenizers(
    folders: Folders, tmp_path: Path, name: str, old: str, new: str, says: str | None
) -> None:
    folder = unsealed(folders("bert"), tmp_path / "model")
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    if says is None:
        assert finite(open_model(folder))
    else:
        with pytest.raises(TokenizerError) as caught:
            open_model(folder)
        assert says in str(caught.value)
