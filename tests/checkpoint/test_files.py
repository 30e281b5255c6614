"""Folders are there whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unmask.checkpoint import files
from unmask.checkpoint.durable import claimed, hidden
from unmask.checkpoint.files import MANIFEST, publish, recover, remove, sweep, verify
from unmask.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]


def folder_of(**texts: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text)

    return write


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def texts(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(folder.iterdir()) if p.name != MANIFEST}


def test_a_folder_is_published(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a"
    publish(path, folder_of(a="1", b="2"))
    verify(path)
    assert texts(path) == {"a": "1", "b": "2"}
    assert names(path.parent) == ["a"]


def test_a_relative_path_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    publish(Path("a"), folder_of(a="1"))
    publish(Path("b/../a"), folder_of(a="2"), replace=True)
    assert texts(tmp_path / "a") == {"a": "2"}


def test_a_taken_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="1"))
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "a")

    def never(folder: Path) -> None:
        raise AssertionError

    with pytest.raises(CheckpointError, match="a exists already"):
        publish(tmp_path / "a", never)
    for name in ("file", "link"):
        with pytest.raises(CheckpointError, match="exists and is not a folder"):
            publish(tmp_path / name, never, replace=True)
    assert names(tmp_path) == ["a", "file", "link"]


def test_an_empty_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    publish(tmp_path / "a", folder_of(a="1"))
    verify(tmp_path / "a")


def test_a_folder_is_replaced_with_nothing_left_over(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="1", b="2"))
    publish(tmp_path / "a", folder_of(a="3"), replace=True)
    verify(tmp_path / "a")
    assert texts(tmp_path / "a") == {"a": "3"}
    assert names(tmp_path) == ["a"]


def test_a_folder_with_foreign_files_is_not_replaced(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="1"))
    (tmp_path / "a" / "notes.md").write_text("mine")
    with pytest.raises(CheckpointError, match=r"added to it that would be lost: notes\.md\."):
        publish(tmp_path / "a", folder_of(a="2"), replace=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    with pytest.raises(CheckpointError, match="unmask did not write it"):
        publish(tmp_path / "b", folder_of(a="2"), replace=True)
    assert texts(tmp_path / "a") == {"a": "1", "notes.md": "mine"}
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_a_failing_writer_leaves_no_trace(
    error: type[BaseException], replace: bool, tmp_path: Path
) -> None:
    if replace:
        publish(tmp_path / "a", folder_of(a="1"))

    def write(folder: Path) -> None:
        (folder / "a").write_text("2")
        raise error

    with pytest.raises(error):
        publish(tmp_path / "a", write, replace=replace)
    assert names(tmp_path) == (["a"] if replace else [])


def test_a_full_disk_keeps_the_old_folder(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="1"))

    def write(folder: Path) -> None:
        (folder / "a").write_text("2")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CheckpointError, match=r"disk is full.*Free: [\d,]+ bytes; needed: 1,234 b"):
        publish(tmp_path / "a", write, replace=True, size=1234)
    assert texts(tmp_path / "a") == {"a": "1"}
    assert names(tmp_path) == ["a"]


def test_a_file_size_limit_counts_as_full(tmp_path: Path) -> None:
    """The system's own refusal, without a small disk."""
    code = """
import resource, sys
from pathlib import Path
from unmask.checkpoint.files import publish
from unmask.errors import CheckpointError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    publish(Path(sys.argv[1]), lambda folder: (folder / "a").write_bytes(bytes(200_000)) and None)
except CheckpointError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "limit on file size" in done.stdout
    assert names(tmp_path) == []


def test_the_manifest_name_is_reserved(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="kept for the digests"):
        publish(tmp_path / "a", folder_of(**{MANIFEST: "{}"}))
    assert names(tmp_path) == []


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a file nor a folder"):
        publish(tmp_path / "a", lambda folder: (folder / "link").symlink_to("/etc"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_permissions_are_those_of_the_umask(
    mask: int, file: int, folder: int, tmp_path: Path
) -> None:
    def write(place: Path) -> None:
        (place / "inner").mkdir(0o700)
        for name in ("a", "inner/b"):
            (place / name).write_text("x")
            (place / name).chmod(0o600 if name == "a" else 0o777)

    before = os.umask(mask)
    try:
        publish(tmp_path / "m", write)
    finally:
        os.umask(before)
    got = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "m").rglob("*")}
    assert got == {"a": file, "b": file, MANIFEST: file, "inner": folder}
    assert (tmp_path / "m").stat().st_mode & 0o777 == folder


def test_everything_is_synced_before_the_name_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that a power cut needs: file bytes, manifest, folders, rename, parent."""
    events: list[str] = []
    sync, rename = os.fsync, os.rename

    def spy_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        events.append("folder" if path.name.startswith(".m.tmp-") else path.name)
        sync(descriptor)

    def spy_rename(source: Path, target: Path) -> None:
        events.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "rename", spy_rename)

    def write(folder: Path) -> None:
        (folder / "inner").mkdir()
        (folder / "inner" / "b").write_text("x")
        (folder / "a").write_text("x")

    publish(tmp_path / "m", write)
    expected = ["a", "b", MANIFEST, "inner", "folder", "rename", tmp_path.name]
    assert events == expected


def leave_aside(path: Path) -> Path:
    """What a kill between the two renames of a replacement leaves."""
    aside = hidden(path, "old")
    path.rename(aside)
    return aside


def test_the_folder_that_stepped_aside_is_put_back(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="old"))
    leave_aside(tmp_path / "a")
    assert recover(tmp_path / "a")
    assert not recover(tmp_path / "a")
    verify(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_of_two_that_stepped_aside_the_newer_is_put_back(tmp_path: Path) -> None:
    for text in ("newer", "older"):
        publish(tmp_path / text, folder_of(a=text))
    for text in ("older", "newer"):
        time.sleep(0.05)  # the clock of a filesystem ticks slowly
        (tmp_path / text).rename(hidden(tmp_path / "a", "old"))
    recover(tmp_path / "a")
    assert texts(tmp_path / "a") == {"a": "newer"}
    assert names(tmp_path) == ["a"]


def test_the_aside_is_kept_while_the_new_one_is_damaged(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="old"))
    aside = leave_aside(tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a").write_text("damaged")
    assert not recover(tmp_path / "a")
    assert texts(aside) == {"a": "old"}


def test_a_replacement_under_way_is_not_undone(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="old"))
    with claimed(tmp_path / "a"):
        aside = leave_aside(tmp_path / "a")
        assert not recover(tmp_path / "a")
        assert sweep(tmp_path) == []
    assert sweep(tmp_path) == [aside]
    assert names(tmp_path) == ["a"]


def test_a_reader_between_the_two_renames_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "a", folder_of(a="old"))
    rename, seen = os.rename, list[bool]()

    def watched(source: Path, target: Path) -> None:
        rename(source, target)
        seen.append((tmp_path / "a").exists())
        assert not recover(tmp_path / "a")
        assert sweep(tmp_path) == []

    monkeypatch.setattr(os, "rename", watched)
    publish(tmp_path / "a", folder_of(a="new"), replace=True)
    assert seen == [False, True]
    assert texts(tmp_path / "a") == {"a": "new"}


def test_a_failing_second_rename_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "a", folder_of(a="old"))
    rename, calls = os.rename, [0]

    def second_fails(source: Path, target: Path) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(CheckpointError, match="Permission denied"):
        publish(tmp_path / "a", folder_of(a="new"), replace=True)
    assert texts(tmp_path / "a") == {"a": "old"}
    assert names(tmp_path) == ["a"]


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Path]:
    """A folder that another process has published half."""
    code = """
import sys, time
from pathlib import Path
from unmask.checkpoint.files import publish
def write(folder):
    (folder / "a").write_text("x")
    print("ready", flush=True)
    time.sleep(600)
publish(Path(sys.argv[1]), write)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield tmp_path
        child.kill()


def test_what_a_living_process_writes_is_not_swept(living: Path) -> None:
    before = names(living)
    assert len(before) == 1
    assert sweep(living) == []
    publish(living / "b", folder_of(a="1"))
    assert names(living) == [*before, "b"]


def test_the_remains_of_dead_processes_are_swept(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".a.tmp-notes").write_text("mine")
    folder, file = hidden(tmp_path / "a", "tmp"), hidden(tmp_path / "b", "tmp")
    folder.mkdir()
    (folder / "x").write_text("x")
    file.write_text("x")
    publish(tmp_path / "c", folder_of(a="1"))
    assert names(tmp_path) == [".a.tmp-notes", ".git", "c"]
    assert sweep(tmp_path / "none") == []


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown is not dead: on such a filesystem another machine may be writing."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("fcntl.flock", no_locks)
    folder = hidden(tmp_path / "a", "tmp")
    folder.mkdir()
    assert sweep(tmp_path) == []
    publish(tmp_path / "b", folder_of(a="1"))
    publish(tmp_path / "b", folder_of(a="2"), replace=True)
    assert names(tmp_path) == [folder.name, "b"]


def test_a_folder_is_removed_whole(tmp_path: Path) -> None:
    publish(tmp_path / "a", folder_of(a="1"))
    remove(tmp_path / "a")
    assert names(tmp_path) == []
    with pytest.raises(CheckpointError, match="No such file"):
        remove(tmp_path / "a")


def test_a_folder_whose_parts_resist_is_still_gone_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "a", folder_of(a="1"))
    monkeypatch.setattr(files, "discard", lambda path: None)
    remove(tmp_path / "a")
    monkeypatch.undo()
    assert not (tmp_path / "a").exists()
    assert len(sweep(tmp_path)) == 1
    assert names(tmp_path) == []
