"""One run has one writer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unmask.checkpoint.lock import LOCK, RunLock
from unmask.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]

# Takes the lock; with a second argument, forks a child, which says so once it is there.
HOLD = """
import os, sys, time
from pathlib import Path
from unmask.checkpoint.lock import RunLock
with RunLock(Path(sys.argv[1])):
    if len(sys.argv) > 2 and os.fork() == 0:
        print(os.getppid(), os.getpid(), flush=True)
    elif len(sys.argv) == 2:
        print(os.getpid(), flush=True)
    time.sleep(600)
"""


def hold(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with hold(tmp_path) as child:
        yield child
        child.kill()


def numbers(child: subprocess.Popen[str]) -> list[int]:
    assert child.stdout is not None
    return [int(word) for word in child.stdout.readline().split()]


def test_a_second_process_is_told_who_holds_it(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    (pid,) = numbers(holder)
    with pytest.raises(CheckpointError, match=f"being written by process {pid} on ") as caught:
        RunLock(tmp_path).__enter__()
    assert str(tmp_path) in str(caught.value)
    assert "one writer" in str(caught.value)


def test_a_killed_holder_holds_nothing(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    numbers(holder)
    holder.kill()
    holder.wait()
    with RunLock(tmp_path):
        pass


def test_a_child_that_outlives_its_killed_parent_holds_nothing(tmp_path: Path) -> None:
    with hold(tmp_path, "fork") as parent:
        _, child = numbers(parent)
        parent.kill()
        parent.wait()
        try:
            with RunLock(tmp_path):
                pass
            os.kill(child, 0)  # it was alive all the while
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_fork_leaves_the_lock_with_the_parent(tmp_path: Path) -> None:
    with hold(tmp_path, "fork") as parent:
        pid, child = numbers(parent)
        os.kill(child, signal.SIGKILL)
        with pytest.raises(CheckpointError, match=f"process {pid} "):
            RunLock(tmp_path).__enter__()
        parent.kill()


def test_a_second_lock_in_one_process_is_refused(tmp_path: Path) -> None:
    with RunLock(tmp_path / "new" / "run"):
        with pytest.raises(CheckpointError, match=f"process {os.getpid()} "):
            RunLock(tmp_path / "new" / "run").__enter__()
        with RunLock(tmp_path / "other"):
            pass
    with (
        RunLock(tmp_path / "new" / "run") as lock,
        pytest.raises(CheckpointError, match="this very"),
    ):
        lock.__enter__()


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), RunLock(tmp_path):
        raise KeyError
    with RunLock(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert (tmp_path / LOCK).read_text() == ""


def test_a_filesystem_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(CheckpointError, match=r"No locks available.*filesystem that has locks"):
        RunLock(tmp_path).__enter__()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="could not be changed"):
        RunLock(tmp_path / "file" / "run").__enter__()
