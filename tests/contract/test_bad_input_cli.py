"""Bad folders on the command line: an exit code, one paragraph, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.contract.folders import WEIGHTS, Folders, flip, unsealed


def _fails(*arguments: str | Path) -> str:
    """What a command that must fail says on standard error."""
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (1, 2), f"{done.stdout}\n{done.stderr}"
    assert not done.stdout
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def model(folders: Folders, tmp_path: Path) -> Path:
    return unsealed(folders("bert"), tmp_path / "model")


def test_info_of_weights_that_are_cut_off(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[: len(data) // 2])
    assert f"{model / WEIGHTS} is not a readable safetensors file" in _fails("info", model)


def test_info_of_a_tokenizer_whose_template_would_make_the_library_panic(model: Path) -> None:
    text = (model / "tokenizer.json").read_text()
    (model / "tokenizer.json").write_text(text.replace('"id": "[SEP]"', '"id": "[END]"', 1))
    assert "'[END]', which is not among its special_tokens" in _fails("info", model)


def test_fill_of_weights_that_are_no_numbers(model: Path) -> None:
    weights = load_file(model / WEIGHTS)
    weights["cls.predictions.bias"][0] = float("nan")
    save_file(weights, model / WEIGHTS, metadata={"format": "pt"})
    assert "head.bias holds a NaN" in _fails("fill", model, "the [MASK]")


def test_fill_of_a_field_of_the_wrong_type(model: Path) -> None:
    fields = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**fields, "hidden_size": "64"}))
    assert "hidden_size='64'" in _fails("fill", model, "the [MASK]")


def test_embed_of_a_flipped_bit(folders: Folders, tmp_path: Path, model: Path) -> None:
    (model / "manifest.json").write_bytes((folders("bert") / "manifest.json").read_bytes())
    flip(model / WEIGHTS, 8 * 20_000)
    (tmp_path / "texts.csv").write_text("text\nthe cat\n")
    said = _fails(
        "embed",
        model,
        "--input",
        tmp_path / "texts.csv",
        "--output",
        tmp_path / "out.npy",
        "--pooling",
        "mean",
    )
    assert f"{WEIGHTS}: sha256 is" in said
    assert not (tmp_path / "out.npy").exists()


def test_predict_with_a_model_that_is_no_classifier(tmp_path: Path, model: Path) -> None:
    (tmp_path / "texts.csv").write_text("text\nthe cat\n")
    said = _fails(
        "predict", model, "--input", tmp_path / "texts.csv", "--output", tmp_path / "out.csv"
    )
    assert "holds a language model, which says nothing of a row" in said
