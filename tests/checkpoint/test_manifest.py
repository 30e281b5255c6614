"""Every change of a listed file is found, and named."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unmask.checkpoint.files import MANIFEST, publish, verify, verify_if_manifest
from unmask.checkpoint.jsonfile import render_json
from unmask.checkpoint.manifest import contents, read_manifest
from unmask.errors import CheckpointError, CorruptCheckpoint

FILES = {"weights.bin": 3000, "config.json": 400, "inner/words.txt": 1000}


def bytes_of(name: str, seed: int) -> bytes:
    return random.Random(f"{name} {seed}").randbytes(FILES[name])


def make(path: Path, seed: int = 0) -> Path:
    def write(folder: Path) -> None:
        (folder / "inner").mkdir()
        for name in FILES:
            (folder / name).write_bytes(bytes_of(name, seed))

    publish(path, write)
    return path


def sealed(value: dict[str, Any]) -> bytes:
    """A manifest with the digest of its own that it must carry."""
    return render_json({**value, "sha256": hashlib.sha256(render_json(value)).hexdigest()})


def mutations(data: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Damage as disks and people do it; each differs from `data`."""
    for _ in range(120):
        at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        yield f"bit {at}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
    for _ in range(30):
        yield "truncated", data[: draw.randrange(len(data))]
    yield "one byte short", data[:-1]
    for _ in range(30):
        keep = draw.randrange(len(data))
        zeroed = data[:keep] + bytes(len(data) - keep)
        if zeroed != data:
            yield "zero tail", zeroed
    for _ in range(30):
        at = draw.randrange(len(data))
        junk = draw.randbytes(64)
        yield "garbage", (data[:at] + junk + data[at + 64 :])[: max(len(data), at + 64)]
    yield "longer", data + b"\0"
    yield "blank added", data + b"\n"


def test_every_mutation_of_every_file_is_found(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    draw = random.Random(1)
    tried = 0
    for name in (*FILES, MANIFEST):
        path = folder / name
        data = path.read_bytes()
        for what, mutant in mutations(data, draw):
            path.write_bytes(mutant)
            with pytest.raises(CorruptCheckpoint) as caught:
                verify(folder)
            assert name in str(caught.value), what
            tried += 1
        path.write_bytes(data)
        verify(folder)
    assert tried > 800


@pytest.mark.parametrize("name", FILES)
def test_missing_and_swapped_files_are_found(name: str, tmp_path: Path) -> None:
    one, other = make(tmp_path / "a"), make(tmp_path / "b", seed=1)
    (one / name).write_bytes((other / name).read_bytes())
    with pytest.raises(CorruptCheckpoint, match=f"1 of 3 files.*{name}: sha256 is"):
        verify(one)
    (one / name).unlink()
    with pytest.raises(CorruptCheckpoint, match=f"{name}: missing"):
        verify(one)
    (one / name).mkdir()
    with pytest.raises(CorruptCheckpoint, match=f"{name}: not a regular file"):
        verify(one)


def test_a_changed_size_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    (folder / "config.json").write_bytes(b"{}")
    with pytest.raises(CorruptCheckpoint, match=r"config\.json: size is 2 bytes, recorded 400"):
        verify(folder)


def test_a_manifest_of_another_folder_is_found(tmp_path: Path) -> None:
    one, other = make(tmp_path / "a"), make(tmp_path / "b", seed=1)
    (one / MANIFEST).write_bytes((other / MANIFEST).read_bytes())
    with pytest.raises(CorruptCheckpoint, match="3 of 3 files"):
        verify(one)


def test_many_differences_are_counted_not_all_listed(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        for number in range(20):
            (folder / f"{number:02}").write_text("x")

    publish(tmp_path / "a", write)
    for number in range(20):
        (tmp_path / "a" / f"{number:02}").unlink()
    with pytest.raises(CorruptCheckpoint, match=r"07: missing; and 12 more\."):
        verify(tmp_path / "a")


def test_added_files_are_allowed(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    (folder / "README.md").write_text("notes")
    verify(folder)


def test_links_to_the_right_bytes_are_allowed(tmp_path: Path) -> None:
    """As in the cache of the Hub, where a folder is made of links."""
    folder = make(tmp_path / "a")
    (folder / "weights.bin").rename(tmp_path / "blob")
    (folder / "weights.bin").symlink_to(tmp_path / "blob")
    verify(folder)


def test_no_folder_and_no_manifest_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a folder") as caught:
        verify(tmp_path / "none")
    assert not isinstance(caught.value, CorruptCheckpoint)
    with pytest.raises(CorruptCheckpoint, match=r"has no manifest\.json"):
        verify(tmp_path)


def test_a_folder_without_manifest_may_be_allowed(tmp_path: Path) -> None:
    assert not verify_if_manifest(tmp_path)
    folder = make(tmp_path / "a")
    assert verify_if_manifest(folder)
    (folder / "weights.bin").write_bytes(b"")
    with pytest.raises(CorruptCheckpoint):
        verify_if_manifest(folder)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "./a", "a//b", ".", "a\0b"])
def test_a_listed_path_stays_inside(name: str, tmp_path: Path) -> None:
    entry = {"size": 0, "sha256": "0" * 64}
    (tmp_path / MANIFEST).write_bytes(sealed({"schema": 1, "files": {name: entry}}))
    with pytest.raises(CorruptCheckpoint, match=r"manifest\.json is damaged"):
        verify(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"size": "0", "sha256": "0" * 64},
        {"size": True, "sha256": "0" * 64},
        {"size": 0, "sha256": "0" * 63},
        {"size": 0, "sha256": 0},
        {"size": 0},
        {"size": 0, "sha256": "0" * 64, "more": 1},
        [],
    ],
)
def test_a_malformed_entry_is_damage(entry: object, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(sealed({"schema": 1, "files": {"a": entry}}))
    with pytest.raises(CorruptCheckpoint, match=r"manifest\.json is damaged"):
        verify(tmp_path)


@pytest.mark.parametrize(
    "value",
    [{}, {"schema": 0, "files": {}}, {"schema": 1}, {"schema": "1", "files": {}}, {"files": {}}],
)
def test_a_malformed_manifest_is_damage(value: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(sealed(value) if value else render_json(value))
    with pytest.raises(CorruptCheckpoint, match=r"manifest\.json is damaged"):
        verify(tmp_path)


def test_a_manifest_that_could_not_be_written_is_damage(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"schema": 1, "files": {"\\ud800": {}}, "sha256": ""}')
    with pytest.raises(CorruptCheckpoint, match=r"manifest\.json is damaged"):
        verify(tmp_path)


def test_a_newer_schema_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(sealed({"schema": 2, "files": "in another way"}))
    with pytest.raises(CheckpointError, match="schema 2; this version reads up to 1") as caught:
        verify(tmp_path)
    assert not isinstance(caught.value, CorruptCheckpoint)


def test_the_manifest_lists_everything_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    assert sorted(read_manifest(folder)) == sorted(FILES)
    folders, files = contents(folder)
    assert folders == [folder, folder / "inner"]
    assert sorted(files) == sorted([*FILES, MANIFEST])


def test_only_files_and_folders_are_contents(tmp_path: Path) -> None:
    os.symlink("nowhere", tmp_path / "link")
    with pytest.raises(CheckpointError, match="link is neither a file nor a folder"):
        contents(tmp_path)


def test_a_model_card_may_be_edited(tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def write(to: Path) -> None:
        (to / "weights").write_bytes(b"123")
        (to / "README.md").write_text("card")

    publish(folder, write)
    (folder / "README.md").write_text("a longer card")
    verify(folder)
    (folder / "weights").write_bytes(b"124")
    with pytest.raises(CorruptCheckpoint, match="weights"):
        verify(folder)
