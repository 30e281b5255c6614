"""Staging, claims, and one file in one piece."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unmask.checkpoint.durable import (
    STAGED,
    claim,
    claimed,
    empty_file,
    explained,
    hidden,
    make_folders,
    staged,
    write_file,
)
from unmask.errors import CheckpointError


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if done.returncode:
        pytest.skip(f"needs to mount a small tmpfs: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_hidden_names_are_told_from_others() -> None:
    match = STAGED.fullmatch(hidden(Path("runs/.a.tmp-1"), "old").name)
    assert match
    assert (match["name"], match["kind"]) == (".a.tmp-1", "old")
    assert not STAGED.fullmatch(".config")
    assert not STAGED.fullmatch(".a.tmp-12-abc")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    write_file(path, b"one")
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["a.bin"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_of_the_umask(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_file(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a", b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CheckpointError, match=r"a could not be changed: Input/output error"):
        write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_is_reported_with_numbers(small_disk: Path) -> None:
    write_file(small_disk / "a", bytes(500_000))
    with pytest.raises(CheckpointError, match=r"disk is full.*Free: \d{3},\d{3} bytes; needed: 9"):
        write_file(small_disk / "a", bytes(900_000))
    assert (small_disk / "a").read_bytes() == bytes(500_000)
    assert names(small_disk) == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_is_told_from_other_failures(number: int, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="disk is full"), explained(tmp_path / "a", None):
        raise OSError(number, "x")


def test_full_is_seen_in_the_text_of_a_library() -> None:
    with pytest.raises(CheckpointError, match="needed: more than"), explained(Path("/a"), None):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="280"), explained(Path("/a"), None):
        raise RuntimeError("(os error 280)")


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(KeyError), explained(tmp_path, None):
        raise KeyError("x")


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(CheckpointError, match="could not be changed"):
        write_file(tmp_path / "a" / "b", b"")


def test_a_claim_keeps_others_out_until_it_ends(tmp_path: Path) -> None:
    with claimed(tmp_path) as certain:
        assert certain
        with pytest.raises(BlockingIOError):
            claim(tmp_path)
    with claimed(tmp_path):
        pass


def test_a_claim_follows_what_was_renamed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with claimed(tmp_path / "a"):
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(BlockingIOError):
            claim(tmp_path / "b")


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from unmask.checkpoint.durable import claim; "
        "claim(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False)
    with claimed(tmp_path):
        pass


def test_a_staged_thing_is_gone_afterwards(tmp_path: Path) -> None:
    def fail() -> None:
        with staged(tmp_path / "a", os.mkdir) as folder:
            (folder / "b").write_text("x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with staged(tmp_path / "a", empty_file) as file:
        file.write_text("x")
    assert names(tmp_path) == []


def test_missing_parents_are_made(tmp_path: Path) -> None:
    make_folders(tmp_path / "a" / "b")
    make_folders(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
