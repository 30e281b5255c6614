"""The folder of a run: what it was started with, and whether it may go on.

RUN/
    run.json      settings, digests of the data, surroundings, and what was decided on the way
    log.jsonl     one line a step
    checkpoints/  the states that a killed run goes on from
    model/        the finished model; written last
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from unmask import __version__
from unmask.checkpoint.files import recover
from unmask.checkpoint.jsonfile import Json, read_json, render_json, write_json
from unmask.checkpoint.lock import LOCK, RunLock
from unmask.errors import CheckpointError, CorruptCheckpoint, ResumeMismatch

RUN, MODEL = "run.json", "model"
SCHEMA = 1
_KEYS = frozenset({"schema", "kind", "unmask", "settings", "digests", "environment", "decided"})
_ABSENT = object()
# Settings that may change from session to session. The surroundings are compared by themselves.
LOOSE = frozenset(
    f"run.{name}"
    for name in ("device", "dtype", "threads", "eval_every", "save_every", "keep", "tensorboard")
) | {
    "text.paths",
    "tokenizer.path",
    "model.start",
    "model.revision",
}  # however they are spelled: their content is digested


class RunFolder:
    """A run's folder, held for writing: `with RunFolder.open(...) as folder: ...`.

    Attributes:
        path: the folder.
        resumed: whether the run was begun before.
        notes: what a person should know before it goes on: surroundings that differ from those it
            began in, so that the bits may differ from those of a run that was left alone.
    """

    def __init__(self, path: Path, document: dict[str, Any], held: ExitStack) -> None:
        """Use `open`."""
        self.path, self._document, self._held = path, document, held
        self.resumed = False
        self.notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        out: str | Path,
        kind: str,
        *,
        settings: Mapping[str, Any],
        digests: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> RunFolder:
        """Begin a run in a new or empty folder, or go on with the same one.

        Args:
            out: the folder.
            kind: the verb, such as "pretrain".
            settings: all that was asked for; nested tables of plain values. All must stay but
                those in `LOOSE`.
            digests: of the data, by the name under which messages speak of it.
            environment: what may change, but may change the bits.

        Raises:
            ResumeMismatch: a run of another kind, settings or data; all differences are listed.
            CheckpointError: the folder holds something else, or another process writes it.
            CorruptCheckpoint: its `run.json` is damaged.
        """
        path = Path(out)
        asked = _plain({"settings": settings, "digests": digests, "environment": environment})
        with ExitStack() as stack:
            _check_ours(path)
            stack.enter_context(RunLock(path))
            recover(path / MODEL)
            if (path / RUN).is_file():
                folder = cls(path, _stored(path), stack)
                folder.resumed = True
                _check_same(path, folder._document, kind, asked)
                folder.notes = tuple(_surroundings(folder._document["environment"], asked))
            else:
                begun = {"schema": SCHEMA, "kind": kind, "unmask": __version__}
                folder = cls(path, {**begun, **asked, "decided": {}}, stack)
                write_json(path / RUN, folder._document)
            folder._held = stack.pop_all()
            return folder

    @property
    def model(self) -> Path:
        """Where the finished model lies."""
        return self.path / MODEL

    @property
    def finished(self) -> bool:
        """Whether the model has been saved, which is the last thing that a run does."""
        return self.model.is_dir()

    def decided(self, name: str) -> Any:
        """A value that was decided in this or an earlier session; None if it was not."""
        return self._document["decided"].get(name)

    def decide(self, name: str, value: Json) -> None:
        """Write down a value that a resumed run must use again, such as a number of steps.

        Raises:
            CheckpointError: it was decided otherwise before.
        """
        known = self._document["decided"].setdefault(name, value)
        if known != value:
            raise CheckpointError(
                f"{self.path / RUN} has decided {name}={known!r} for this run, which stays; it "
                f"cannot become {value!r}. Read it with decided({name!r})"
            )
        write_json(self.path / RUN, self._document)

    def close(self) -> None:
        """Give the folder back."""
        self._held.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def kind_of_run(path: Path) -> str | None:
    """The verb whose run a folder holds; None where it holds none that can be read."""
    try:
        return str(_stored(path)["kind"]) if (path / RUN).is_file() else None
    except CheckpointError:
        return None


def digest_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror}. Check the path and its permissions"
        ) from None


def _check_ours(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"a run needs a folder, and {path} is a file; choose another --out")
    if path.is_dir() and not (path / RUN).is_file():
        others = sorted(item.name for item in path.iterdir() if item.name != LOCK)
        # A name that begins with a dot is what a killed first write of run.json leaves.
        if found := [name for name in others if not name.startswith(f".{RUN}.")]:
            raise CheckpointError(
                f"{path} is not empty and holds no run ({', '.join(found[:5])}); choose another "
                "--out, or empty it first"
            )


def _stored(path: Path) -> dict[str, Any]:
    document = read_json(path / RUN)
    if not isinstance(document, dict) or not {"schema", "unmask"} <= document.keys():
        raise CorruptCheckpoint(f"{path / RUN} does not describe a run; choose another --out")
    if document["schema"] != SCHEMA:
        raise CheckpointError(
            f"{path / RUN} has schema {document['schema']}, and this version of unmask reads "
            f"{SCHEMA}; go on with unmask {document['unmask']}, or choose another --out"
        )
    if document.keys() != _KEYS:
        raise CorruptCheckpoint(f"{path / RUN} does not describe a run; choose another --out")
    return document


def _check_same(path: Path, stored: Mapping[str, Any], kind: str, asked: Mapping[str, Any]) -> None:
    if stored["kind"] != kind:
        raise ResumeMismatch(
            f"{path} holds a run of unmask {stored['kind']}, not of {kind}; choose another --out"
        )
    differs = [
        f"{name} was {was} and is {now}"
        for name, was, now in _differences(stored["settings"], asked["settings"])
        if name not in LOOSE
    ]
    was, now = stored["digests"], asked["digests"]
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            how = {(False, True): "is new", (True, False): "is gone"}
            change = how.get((name in was, name in now), "changed")
            differs.append(f"the data {name!r} {change}")
    if differs:
        raise ResumeMismatch(
            f"{path} holds a run that began with other settings or data: {'; '.join(differs)}. "
            "Give it what it began with, or choose another --out for a new run"
        )


def _differences(was: Any, now: Any, name: str = "") -> list[tuple[str, str, str]]:
    """(dotted name, old value, new value) wherever two nested tables differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        found = []
        for key in sorted(was.keys() | now.keys()):
            below = f"{name}.{key}" if name else key
            found += _differences(was.get(key, _ABSENT), now.get(key, _ABSENT), below)
        return found
    if was == now and type(was) is type(now):
        return []
    return [(name, _written(was), _written(now))]


def _written(value: object) -> str:
    return "not set" if value is _ABSENT else json.dumps(value, ensure_ascii=False)


def _surroundings(was: Mapping[str, str], asked: Mapping[str, Any]) -> list[str]:
    return [
        f"this run began with {name} {old}, and goes on with {new}: its bits may differ from those "
        "of a run that was left alone"
        for name, old, new in _differences(was, asked["environment"])
    ]


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON: tuples become lists."""
    return json.loads(render_json(value))
