"""Exports are made once by each version of what makes them."""

from __future__ import annotations

import subprocess
import sys
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


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_a_folder_that_was_stopped_half_way_is_made_again(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "first").touch()
        if stops:
            raise stop
        (path / "second").touch()

    stops = True
    for _ in range(2):
        with pytest.raises(stop):
            exports.once(tmp_path / "fp32", make)
        assert list(tmp_path.iterdir()) == []
    stops = False
    assert len(list(exports.once(tmp_path / "fp32", make).iterdir())) == 2


KILLED = """
import os, pathlib, sys
from unmask.bench.exports import once

def make(path):
    path.mkdir()
    os.kill(os.getpid(), 9)

once(pathlib.Path(sys.argv[1]), make)
"""


def test_what_a_killed_run_left_stands_in_nobodys_way(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "fp32")])
        assert done.returncode == -9
    assert not (tmp_path / "fp32").exists()
    assert exports.once(tmp_path / "fp32", Path.mkdir).is_dir()


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
