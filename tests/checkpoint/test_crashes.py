"""Kills and refusals at every point of a save: `crash.py` does them, here is what must come out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unmask.checkpoint.files import publish, recover, verify

ROOT = Path(__file__).resolve().parents[2]

# Without torch, so that a traced process starts fast.
REPLACE = """
import sys
from pathlib import Path
from unmask.checkpoint.files import publish
def write(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "a.txt").write_text("new")
    (folder / "b.txt").write_text("new")
publish(Path(sys.argv[1]), write, replace=True)
"""


def crash(what: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.checkpoint.crash", what, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_kill_at_a_random_moment_loses_nothing_that_was_saved(tmp_path: Path) -> None:
    result = crash("random", tmp_path)
    assert result["faults"] == []
    assert result["kills"] == 12
    assert result["inside"] > 0, "no kill fell inside a save, so nothing was tested"


@pytest.mark.parametrize("what", ["kill", "full", "broken"])
def test_every_operation_of_a_save_may_be_the_last_or_fail(what: str, tmp_path: Path) -> None:
    """SIGKILL, ENOSPC and EIO before each create, mkdir, chmod, fsync, rename and remove."""
    result = crash(what, tmp_path)
    assert result["faults"] == []
    assert len(result["points"]) == 4
    assert all(count >= 10 for count in result["points"].values()), result["points"]


def write_old(folder: Path) -> None:
    for name in ("b.txt", "c.txt"):
        (folder / name).write_text("old")


def traced(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["strace", "-f", *options, sys.executable, "-B", "-c", REPLACE, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("call", ["fsync", "rename", "unlinkat", "fchmodat", "flock"])
def test_every_system_call_of_a_replacement_may_be_the_last(call: str, tmp_path: Path) -> None:
    """The same from outside the process, where nothing in Python can hide a call."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which is not installed")
    path = tmp_path / "model"
    publish(path, write_old)
    log = tmp_path / "log"
    if traced(path, "-o", str(log), f"-etrace=/{call}").returncode:
        pytest.skip("strace may not trace processes here")
    total = len(re.findall(rf"{call}\w*\(", log.read_text()))
    assert total > 0 or call == "fchmodat"
    for number in range(1, total + 1):
        shutil.rmtree(path)
        publish(path, write_old)
        done = traced(
            path, f"-etrace=/{call}", "-o", str(log), f"-einject=/{call}:signal=KILL:when={number}"
        )
        assert done.returncode != 0
        recover(path)
        verify(path)
        found = {file.read_text() for file in path.rglob("*.txt")}
        assert found in ({"old"}, {"new"}), number
