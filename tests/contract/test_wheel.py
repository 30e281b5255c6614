"""The wheel as a user gets it: installed in a fresh environment, without extras, away from here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.source import ROOT

# Installing PyTorch may mean fetching it.
pytestmark = pytest.mark.timeout(1800)


def call(*command: str | Path, cwd: Path) -> str:
    """What the command prints. Fails with both streams if the command fails."""
    # A path to this checkout in the environment would let the checkout stand in for the wheel.
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean)
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive, so that the archive is known to be whole."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of programs of a fresh environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("fresh")
    call(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", folder, "install", "--quiet", "--no-compile")
    call(*pip, "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    yield folder / ("Scripts" if os.name == "nt" else "bin")
    # pytest keeps the folders of three runs, and this one holds a whole PyTorch.
    shutil.rmtree(folder)


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"unmask"}
    assert {"unmask/py.typed", "unmask/cli/main.py"} <= names
    recipes = {f"unmask/recipes/{path.name}" for path in (ROOT / "recipes").iterdir()}
    assert recipes
    assert recipes <= names


def test_fresh_environment_is_bare_and_away_from_the_checkout(fresh: Path) -> None:
    code = """
import importlib.util as u, json, unmask
peers = "transformers", "pyarrow", "zstandard", "pytest", "tensorboard"
print(json.dumps([unmask.__file__, [name for name in peers if u.find_spec(name)]]))
"""
    file, peers = json.loads(call(fresh / "python", "-c", code, cwd=fresh))
    assert Path(file).is_relative_to(fresh.parent)
    assert peers == []


def test_installed_help_names_the_commands(fresh: Path) -> None:
    text = call(fresh / "unmask", "--help", cwd=fresh)
    assert "quickstart" in text
    assert "fill" in text


def test_installed_fill_answers(fresh: Path, tiny_model_folder: Path) -> None:
    sentence = "The [MASK] brown fox jumps over the lazy dog."
    answer = json.loads(
        call(fresh / "unmask", "fill", tiny_model_folder, sentence, "--json", cwd=fresh)
    )
    assert answer


def test_installed_python_fills_too(fresh: Path, tiny_model_folder: Path) -> None:
    code = """
import sys, unmask
fill = unmask.FillMask.from_pretrained(sys.argv[1])
print(len(fill("The [MASK] brown fox jumps over the lazy dog.", top_k=3)))
"""
    assert int(call(fresh / "python", "-c", code, tiny_model_folder, cwd=fresh)) >= 1
