"""Results name the commit that they were measured at, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from unmask.bench import machine

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="a checkout needs git")
WHO = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a checkout of one commit."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("", "utf-8")
    for command in (("init", "-q"), ("add", "."), (*WHO, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return folder


@needs_git
def test_commit_is_told_and_whether_files_differ(package: Path) -> None:
    at = machine.commit(package)
    assert at is not None
    assert len(at) == 40
    (package.parent / "notes.txt").write_text("not of the package", "utf-8")
    assert machine.commit(package) == at
    (package / "__init__.py").write_text("changed = True", "utf-8")
    assert machine.commit(package) == f"{at} and changes"


@needs_git
def test_a_package_that_is_only_installed_has_no_commit(package: Path) -> None:
    installed = package.parent / "environment"
    shutil.copytree(package, installed)
    assert machine.commit(installed) is None


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert machine.commit() is None
    assert machine.COMMIT not in machine.all_versions()


def test_versions_have_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "commit", lambda: "abc")
    found = machine.all_versions()
    assert found["commit"] == "abc"
    assert {"unmask", "torch", *machine.PEERS} <= set(found)
