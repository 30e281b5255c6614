"""The state of a training run on disk: one folder for each saved step.

    RUN/checkpoints/step-00001234/
        state.safetensors   the tensors
        state.json          the step, and everything in the state that is no tensor
        manifest.json       the digests of both, written last

There is no pointer to the latest one, for it could be wrong: the latest is the newest folder whose
files match their digests, found by looking.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.checkpoint.files import publish, read_json, remove, sweep, verify
from unmask.checkpoint.jsonfile import Json, render_json
from unmask.errors import CheckpointError, ConfigError, CorruptCheckpoint

SCHEMA = 1

_STEP = re.compile(r"step-(\d{8,})")
_TENSORS, _JSON = "state.safetensors", "state.json"


@dataclass(frozen=True, slots=True)
class Found:
    """The newest state that is whole.

    Attributes:
        step: the step that it was saved at.
        path: its folder.
        skipped: one line for each newer folder that is damaged, newest first; show them.
    """

    step: int
    path: Path
    skipped: tuple[str, ...]


def save_state(
    run_dir: Path,
    step: int,
    tree: Mapping[str, Any],
    *,
    keep: int,
    pinned: Collection[int] = (),
) -> Path:
    """Save a run's state, then remove all but the newest `keep` whole ones.

    Returns after the new state is on disk; it replaces a state of the same step. What is removed
    is found out by reading: damaged folders do not count among the kept, so a save with something
    to remove reads the other kept states once. Never removed are the state just saved and the
    `pinned` steps.

    Args:
        run_dir: the run's folder; made if missing. Hold its `RunLock`.
        step: 0 or more.
        tree: dicts, lists, tuples, tensors and plain values (`unmask.checkpoint.tensors`).
        keep: how many to keep, 1 or more.
        pinned: steps to keep besides, such as the best one.

    Returns:
        The folder that was written.

    Raises:
        ConfigError: `keep` or `step` is out of range.
        CheckpointError: the tree holds something else, or the disk is full or refuses; the states
            saved before are as they were.
    """
    from unmask.checkpoint.tensors import flatten, save_tensors

    if keep < 1 or step < 0:
        raise ConfigError(f"keep must be 1 or more and step 0 or more, but are {keep} and {step}.")
    tensors, encoded = flatten(dict(tree))
    document = render_json({"schema": SCHEMA, "step": step, "tree": encoded})

    def write(folder: Path) -> None:
        save_tensors(tensors, folder / _TENSORS)
        (folder / _JSON).write_bytes(document)

    path = run_dir / "checkpoints" / f"step-{step:08d}"
    if path.is_dir() and _damage(path):
        remove(path)
    # 4 KiB for each of the names and headers that nobody counts.
    size = sum(t.nbytes for t in tensors.values()) + len(document) + 4096 * (3 + len(tensors) // 32)
    publish(path, write, replace=True, size=size)
    prune(run_dir, keep=keep, pinned=pinned, fresh=step)
    return path


def latest_state(run_dir: Path) -> Found | None:
    """The newest state of a run that is whole; None if none was ever saved.

    First tidies up what a killed save left. Damaged states are passed over, and reported.

    Raises:
        CorruptCheckpoint: there are states, and every one is damaged.
        CheckpointError: a state may not be read, or was written by a newer version.
    """
    folder = run_dir / "checkpoints"
    sweep(folder)
    skipped: list[str] = []
    for step, path in _steps(folder):
        if not (damage := _damage(path)):
            return Found(step, path, tuple(skipped))
        skipped.append(damage)
    if skipped:
        raise CorruptCheckpoint(
            f"{folder}: not one of {len(skipped)} saved states is whole. {' '.join(skipped)} "
            "To begin again from nothing, remove the folder."
        )
    return None


def load_state(path: Path) -> Any:
    """The tree that `save_state` put into the folder `path`, tensors on the CPU.

    Raises:
        CorruptCheckpoint: a file differs from its digest, or does not hold such a state.
        CheckpointError: there is no such folder, or a newer version wrote it.
    """
    from unmask.checkpoint.tensors import load_tensors, unflatten

    verify(path)
    document = _document(path)
    return unflatten(load_tensors(path / _TENSORS), document["tree"])


def prune(
    run_dir: Path, *, keep: int, pinned: Collection[int] = (), fresh: int | None = None
) -> None:
    """Remove the states of a run but for the newest `keep` whole ones.

    Damaged folders are not counted, and removed only once `keep` whole ones are newer. The steps
    in `pinned`, and the step `fresh`, which was written this moment, are never removed.
    """
    folder = run_dir / "checkpoints"
    steps = _steps(folder)
    if len(steps) <= keep:
        return
    whole = 0
    for step, path in steps:
        if whole < keep:
            whole += step == fresh or _is_whole(path)
        elif step != fresh and step not in pinned:
            # A folder that cannot be removed must not stop the run; the next save tries again.
            with suppress(CheckpointError):
                remove(path)


def _steps(folder: Path) -> list[tuple[int, Path]]:
    """Saved steps, newest first, whole or not."""
    if not folder.is_dir():
        return []
    found = ((_STEP.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(((int(match[1]), path) for match, path in found if match), reverse=True)


def _damage(path: Path) -> str | None:
    """What is wrong with a saved state, or None."""
    try:
        verify(path)
        _document(path)
    except CorruptCheckpoint as error:
        return str(error)
    return None


def _is_whole(path: Path) -> bool:
    try:
        return not _damage(path)
    except CheckpointError:  # of a newer version, or not readable for this user: not ours to count
        return False


def _document(path: Path) -> dict[str, Json]:
    """The content of a state's JSON file, whose step must be the one in the folder's name."""
    value = read_json(path / _JSON)
    match = _STEP.fullmatch(path.name)
    if not isinstance(value, dict) or value.keys() != {"schema", "step", "tree"}:
        raise CorruptCheckpoint(f"{path / _JSON} is not the JSON of a saved state.")
    if value["schema"] != SCHEMA:
        raise CheckpointError(
            f"{path / _JSON} has schema {value['schema']}; this version reads {SCHEMA}. Use the "
            "version of unmask that wrote it."
        )
    if match and value["step"] != int(match[1]):
        raise CorruptCheckpoint(
            f"{path} holds the state of step {value['step']}: the folder was renamed or copied "
            "over another. Give it its own name back."
        )
    return value
