"""Exports are made once by each version of what makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.bench import exports


def test_a_file_is_made_once_and_whole(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_text("half", "utf-8")
        raise RuntimeError

    path = tmp_path / "folder" / "file"
    with pytest.raises(RuntimeError):
        exports.once(path, fails)
    assert not path.exists()
    assert exports.once(path, lambda one: (one.write_text("whole", "utf-8"), None)[1]) == path
    assert exports.once(path, fails).read_text("utf-8") == "whole"


def test_another_version_exports_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "1", "transformers": "1"}

    def export(model: Any, example: Any, path: str, **_: Any) -> None:
        Path(path).write_text(versions["torch"] + versions["transformers"], "utf-8")

    monkeypatch.setattr(torch.onnx, "export", export)
    monkeypatch.setattr(exports, "model_of", lambda folder, attention: None)
    monkeypatch.setattr(exports, "version_of", versions.__getitem__)
    found = []
    for package in ("torch", "torch", "transformers"):
        found.append(exports.onnx("model", str(tmp_path)).read_text("utf-8"))
        versions[package] = "2"
    assert found == ["11", "21", "21"]
    assert exports.onnx("model", str(tmp_path)).read_text("utf-8") == "22"


@pytest.mark.parametrize("package", ["torch", "transformers", "onnxruntime"])
def test_a_file_made_of_a_file_is_made_anew_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    versions = {"torch": "1", "transformers": "1", "onnxruntime": "1"}
    monkeypatch.setattr(exports, "version_of", versions.__getitem__)

    def kept(path: Path, make: Any) -> Path:
        return path

    monkeypatch.setattr(exports, "once", kept)
    before = exports.dynamic_int8("model", str(tmp_path))
    versions[package] = "2"
    assert exports.dynamic_int8("model", str(tmp_path)) != before
