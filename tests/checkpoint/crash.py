"""Saves that are killed or refused at chosen moments: `python -m tests.checkpoint.crash WHAT DIR`.

It loads torch once and forks a child for every fault. Prints one JSON object with what it found;
`faults` is empty if every promise was kept.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.durable import STAGED
from unmask.checkpoint.files import publish, recover, verify
from unmask.checkpoint.state import latest_state, load_state, save_state
from unmask.errors import CheckpointError

CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}
DONE, REFUSED = 0, 1

Fault = Callable[[str], None]
Act = Callable[[Path], None]
Check = Callable[[Path], str | None]


def tree_for(step: int) -> dict[str, Any]:
    """A state that no other step has."""
    generator = torch.Generator().manual_seed(step)
    return {
        "model": {"a": torch.randn(40, generator=generator), "b": torch.full((3,), step)},
        "optimizer": {"state": {0: {"step": torch.tensor(float(step))}}, "lr": 0.1 + step},
        "step": step,
    }


def same(one: Any, other: Any) -> bool:
    """Equality of trees of which the order of keys is part."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and one.equal(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def install(at: int, fault: Fault) -> list[str]:
    """Let `fault` happen just before the `at`-th operation that changes the disk, once."""
    events: list[str] = []

    def count(event: str) -> None:
        events.append(event)
        if len(events) == at:
            fault(event)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if event in CHANGING or writes:
            count("create" if writes else event)

    def counted_sync(descriptor: int, original: Callable[[int], None] = os.fsync) -> None:
        count("fsync")
        original(descriptor)

    os.fsync = counted_sync  # type: ignore[assignment]
    sys.addaudithook(hook)  # for the rest of this process's life, hence the fork
    return events


def forked(act: Callable[[], None]) -> tuple[bool, int]:
    """Run in a child. Returns whether it was killed, and its exit status."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(DONE)
        except CheckpointError:
            os._exit(REFUSED)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(2)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), os.waitstatus_to_exitcode(status)


def hidden_names(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*") if STAGED.fullmatch(path.name)]


# ---- what is done, and what must hold afterwards -------------------------------------------------


def state_check(old: int | None, new: int) -> Check:
    def check(run: Path) -> str | None:
        found = latest_state(run)
        if found is None:
            return None if old is None else "no state left"
        if found.step not in (old, new) or found.skipped:
            return f"found {found}"
        if not same(load_state(found.path), tree_for(found.step)):
            return "other values"
        if names := hidden_names(run):
            return f"left {names}"
        save_state(run, new + 1, tree_for(new + 1), keep=1)
        after = latest_state(run)
        return None if after and after.step == new + 1 else "the next save is not found"

    return check


def folder_check(run: Path) -> str | None:
    recover(run / "model")
    verify(run / "model")
    texts = {path.read_text() for path in (run / "model").rglob("*.txt")}
    if texts not in ({"old"}, {"new"}):
        return f"mixed: {texts}"
    publish(run / "model", folder_of("again"), replace=True)
    return f"left {names}" if (names := hidden_names(run)) else None


def folder_of(text: str) -> Act:
    def write(folder: Path) -> None:
        (folder / "inner").mkdir()
        for name in ("a.txt", "inner/b.txt"):
            (folder / name).write_text(text)

    return write


def save(step: int) -> Act:
    def act(run: Path) -> None:
        save_state(run, step, tree_for(step), keep=1)

    return act


SCENARIOS: dict[str, tuple[Act, Act, Check]] = {
    "first": (lambda run: None, save(1), state_check(None, 1)),
    "second, removing the first": (save(1), save(2), state_check(1, 2)),
    "same step again": (save(1), save(1), state_check(1, 1)),
    "replaced folder": (
        lambda run: publish(run / "model", folder_of("old")),
        lambda run: publish(run / "model", folder_of("new"), replace=True),
        folder_check,
    ),
}


# ---- the three kinds of fault --------------------------------------------------------------------


def kill_here(event: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def enumerate_points(root: Path, fault: Fault, killing: bool) -> dict[str, Any]:
    faults: list[str] = []
    points: dict[str, int] = {}
    for title, (prepare, act, check) in SCENARIOS.items():
        template = root / "template"
        template.mkdir()
        prepare(template)
        finished = False
        while not finished:
            at = points.get(title, 0) + 1
            run = root / "run"
            shutil.copytree(template, run)
            note = root / "event"

            def attempt(run: Path = run, act: Act = act, at: int = at, note: Path = note) -> None:
                descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                events = install(at, fault)
                try:
                    act(run)
                finally:
                    os.write(descriptor, (events[at - 1] if len(events) >= at else "none").encode())

            killed, status = forked(attempt)
            event = note.read_text()
            finished = not killed if killing else event == "none"
            if status > REFUSED:
                faults.append(f"{title}, {at}: status {status}")
            # A refusal while tidying up, or of the folder's last sync, may leave something over.
            tidy = event in ("create", "os.mkdir", "os.chmod")
            if not killing and tidy and (names := hidden_names(run)):
                faults.append(f"{title}, {at} ({event}): left {names} at once")
            if wrong := check(run):
                faults.append(f"{title}, {at} ({event}): {wrong}")
            shutil.rmtree(run)
            points[title] = at
        points[title] -= 1  # the last attempt met no fault
        shutil.rmtree(template)
    return {"points": points, "faults": faults}


def refuse(number: int) -> Fault:
    def fault(event: str) -> None:
        raise OSError(number, os.strerror(number))

    return fault


def random_kills(root: Path, times: int) -> dict[str, Any]:
    draw = random.Random(7)
    faults: list[str] = []
    run, start, inside = root / "run", 0, 0
    for _ in range(times):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            for step in range(start + 1, start + 100_000):
                save_state(run, step, tree_for(step), keep=2)
                os.write(writer, step.to_bytes(8, "big"))
            os._exit(DONE)
        os.close(writer)
        acknowledged = int.from_bytes(os.read(reader, 8), "big")
        time.sleep(draw.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while data := os.read(reader, 8):
            acknowledged = int.from_bytes(data, "big")
        os.close(reader)
        inside += bool(hidden_names(run))
        found = latest_state(run)
        if found is None or found.step - acknowledged not in (0, 1) or found.skipped:
            faults.append(f"saved {acknowledged}, found {found}")
            break
        if not same(load_state(found.path), tree_for(found.step)):
            faults.append(f"{found.step}: other values")
        if names := hidden_names(run):
            faults.append(f"left {names}")
        start = found.step
    return {"kills": times, "inside": inside, "steps": start, "faults": faults}


def main(what: str, root: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    match what:
        case "kill":
            return enumerate_points(root, kill_here, killing=True)
        case "full":
            return enumerate_points(root, refuse(errno.ENOSPC), killing=False)
        case "broken":
            return enumerate_points(root, refuse(errno.EIO), killing=False)
        case "random":
            return random_kills(root, 12)
    raise SystemExit(f"unknown: {what}")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
