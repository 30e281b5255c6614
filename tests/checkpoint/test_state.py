"""The newest whole state is found, and never removed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.checkpoint import state
from unmask.checkpoint.files import publish
from unmask.checkpoint.jsonfile import render_json
from unmask.checkpoint.state import Found, latest_state, load_state, prune, save_state
from unmask.errors import CheckpointError, ConfigError, CorruptCheckpoint

FILES = ("state.safetensors", "state.json", "manifest.json")


def tree(step: int) -> dict[str, Any]:
    return {"w": torch.full((50,), float(step)), "opt": {0: torch.tensor(step)}, "lr": 0.1 * step}


def save(run: Path, *steps: int, keep: int = 100) -> None:
    for step in steps:
        save_state(run, step, tree(step), keep=keep)


def steps(run: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in (run / "checkpoints").iterdir())


def folder(run: Path, step: int) -> Path:
    return run / "checkpoints" / f"step-{step:08d}"


def damage(run: Path, step: int) -> None:
    path = folder(run, step) / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = save_state(tmp_path / "run", 1234, tree(1234), keep=1)
    assert path == tmp_path / "run/checkpoints/step-00001234"
    assert sorted(os.listdir(path)) == sorted(FILES)
    assert latest_state(tmp_path / "run") == Found(1234, path, ())
    back = load_state(path)
    assert list(back) == ["w", "opt", "lr"]
    assert back["w"].equal(tree(1234)["w"])
    assert back["opt"][0].item() == 1234
    assert back["lr"] == 0.1 * 1234


def test_no_state_is_none(tmp_path: Path) -> None:
    assert latest_state(tmp_path / "none") is None
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    assert latest_state(tmp_path / "run") is None


def test_the_newest_is_by_number_not_by_name(tmp_path: Path) -> None:
    save(tmp_path, 99_999_999, 100_000_000, 5)
    found = latest_state(tmp_path)
    assert found
    assert found.step == 100_000_000


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path, 1)
    for name in ("step-9", "step-00000009.bak", "best"):
        (tmp_path / "checkpoints" / name).mkdir()
    found = latest_state(tmp_path)
    assert found
    assert (found.step, found.skipped) == (1, ())
    save(tmp_path, 2, 3, keep=1)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == [
        "best",
        "step-00000003",
        "step-00000009.bak",
        "step-9",
    ]


def mutants(path: Path, other: Path) -> Iterator[str]:
    """Changes a file in place, and says how; the caller puts it back."""
    data, draw = path.read_bytes(), random.Random(path.name)
    for _ in range(60):
        at = draw.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :])
        yield f"bit in byte {at}"
    for _ in range(10):
        path.write_bytes(data[: draw.randrange(len(data))])
        yield "truncated"
        at = draw.randrange(len(data) - 64)
        path.write_bytes(data[:at] + draw.randbytes(64) + data[at + 64 :])
        yield "garbage"
    path.write_bytes(data[:-4] + bytes(4))
    if path.read_bytes() != data:
        yield "zero tail"
    path.write_bytes(other.read_bytes())
    yield "of another state"
    path.unlink()
    yield "missing"


@pytest.mark.parametrize("name", FILES)
def test_every_damage_is_passed_over_to_the_state_before(name: str, tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3)
    path = folder(tmp_path, 3) / name
    data = path.read_bytes()
    tried = 0
    for what in mutants(path, folder(tmp_path, 2) / name):
        found = latest_state(tmp_path)
        assert found, what
        assert found.step == 2, what
        assert len(found.skipped) == 1
        assert "step-00000003" in found.skipped[0]
        with pytest.raises(CorruptCheckpoint):
            load_state(folder(tmp_path, 3))
        tried += 1
    assert tried >= 82
    path.write_bytes(data)
    assert load_state(folder(tmp_path, 3))["lr"] == 0.1 * 3


def test_a_folder_under_another_steps_name_is_damage(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    shutil.copytree(folder(tmp_path, 1), folder(tmp_path, 7))
    found = latest_state(tmp_path)
    assert found
    assert found.step == 2
    assert "holds the state of step 1" in found.skipped[0]


def test_all_damaged_is_an_error_not_a_new_beginning(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    damage(tmp_path, 1)
    damage(tmp_path, 2)
    with pytest.raises(
        CorruptCheckpoint, match=r"not one of 2 saved states is whole.*step-00000001"
    ):
        latest_state(tmp_path)


def test_a_state_of_a_newer_version_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passing it over would silently go back to an older state."""
    save(tmp_path, 1)
    monkeypatch.setattr(state, "SCHEMA", 2)
    save(tmp_path, 2)
    monkeypatch.undo()
    for act in (lambda: latest_state(tmp_path), lambda: load_state(folder(tmp_path, 2))):
        with pytest.raises(CheckpointError, match="has schema 2; this version reads 1") as caught:
            act()
        assert not isinstance(caught.value, CorruptCheckpoint)


def test_json_of_another_kind_is_damage(tmp_path: Path) -> None:
    save(tmp_path, 1)

    def write(place: Path) -> None:
        (place / "state.json").write_bytes(render_json({"a": 1}))

    publish(folder(tmp_path, 2), write)
    with pytest.raises(CorruptCheckpoint, match="is not the JSON of a saved state"):
        load_state(folder(tmp_path, 2))
    found = latest_state(tmp_path)
    assert found
    assert found.step == 1


def test_the_newest_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3, 4, 5, keep=2)
    assert steps(tmp_path) == [4, 5]


def test_pinned_steps_are_kept_besides(tmp_path: Path) -> None:
    for step in range(1, 7):
        save_state(tmp_path, step, tree(step), keep=2, pinned={2})
    assert steps(tmp_path) == [2, 5, 6]


def test_damaged_states_do_not_count_among_the_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3, 4)
    damage(tmp_path, 3)
    damage(tmp_path, 4)
    (folder(tmp_path, 2) / "manifest.json").unlink()
    prune(tmp_path, keep=1)
    assert steps(tmp_path) == [1, 2, 3, 4]  # 1 is the newest whole one
    save(tmp_path, 5, keep=2)
    assert steps(tmp_path) == [1, 2, 3, 4, 5]
    save(tmp_path, 6, keep=2)
    assert steps(tmp_path) == [5, 6]  # the damaged go once enough whole ones are newer


@pytest.mark.parametrize("seed", range(20))
def test_the_newest_whole_state_is_never_removed(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    present = sorted(draw.sample(range(100), draw.randint(2, 7)))
    save(tmp_path, *present)
    damaged = {step for step in present if draw.random() < 0.6}
    for step in damaged:
        damage(tmp_path, step)
    keep = draw.randint(1, 3)
    whole = [step for step in present if step not in damaged]
    prune(tmp_path, keep=keep)
    assert [step for step in steps(tmp_path) if step not in damaged] == whole[-keep:]
    if len(whole) < keep:
        assert steps(tmp_path) == present


def test_a_save_never_removes_itself(tmp_path: Path) -> None:
    """A run that went back saves steps that are not the newest."""
    save(tmp_path, 10, 20)
    save(tmp_path, 5, keep=1)
    assert 5 in steps(tmp_path)


def test_the_same_step_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save_state(tmp_path, 1, {"other": 2}, keep=1)
    assert load_state(folder(tmp_path, 1)) == {"other": 2}
    damage(tmp_path, 1)
    save(tmp_path, 1)
    (folder(tmp_path, 1) / "manifest.json").unlink()
    save(tmp_path, 1)
    assert load_state(folder(tmp_path, 1))["lr"] == 0.1
    assert steps(tmp_path) == [1]


def test_what_cannot_be_saved_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"opt/f is a builtins\.set"):
        save_state(tmp_path, 2, {"opt": {"f": set()}}, keep=1)
    assert steps(tmp_path) == [1]


@pytest.mark.parametrize(("step", "keep"), [(1, 0), (-1, 1)])
def test_settings_out_of_range_are_refused(step: int, keep: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"are {keep} and {step}"):
        save_state(tmp_path, step, {}, keep=keep)
    assert os.listdir(tmp_path) == []


def test_an_empty_state_comes_back(tmp_path: Path) -> None:
    assert load_state(save_state(tmp_path, 0, {}, keep=1)) == {}


def test_files_can_be_read_by_those_whom_the_umask_lets(tmp_path: Path) -> None:
    """The library that writes the tensors gives 0600."""
    before = os.umask(0o022)
    try:
        path = save_state(tmp_path, 1, tree(1), keep=1)
    finally:
        os.umask(before)
    assert {name: (path / name).stat().st_mode & 0o777 for name in FILES} == dict.fromkeys(
        FILES, 0o644
    )


def test_a_full_disk_keeps_what_was_saved(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if done.returncode:
        pytest.skip(f"needs to mount a small tmpfs: {done.stderr.strip()}")
    try:
        save(disk, 1)
        with pytest.raises(CheckpointError, match=r"Free: 1,0\d\d,\d{3} bytes; needed: 2,0"):
            save_state(disk, 2, {"big": torch.zeros(500_000)}, keep=1)
        found = latest_state(disk)
        assert found
        assert (found.step, found.skipped) == (1, ())
        assert os.listdir(disk / "checkpoints") == ["step-00000001"]
        save(disk, 2, keep=1)
        assert steps(disk) == [2]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_looking_for_a_state_does_not_load_torch(tmp_path: Path) -> None:
    save(tmp_path, 3)
    code = (
        "import sys; from pathlib import Path; from unmask.checkpoint.state import latest_state; "
        "print(latest_state(Path(sys.argv[1])).step, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["3", "False"]
