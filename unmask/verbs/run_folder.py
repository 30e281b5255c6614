"""The folder of a run: what it was begun with, so that it can only go on with the same.

    run.json    kind, settings, digests of the data, environment, and what was decided at the start
    model/      the finished model; its presence means that the run is finished
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.checkpoint.lock import RunLock
from unmask.errors import ResumeMismatch

RECORD, MODEL = "run.json", "model"


class RunFolder:
    """An open run, held against other processes: `with RunFolder.open(...) as folder`.

    Attributes:
        path: the folder.
        notes: what a person should know, such as a processor that differs from the first one's.
    """

    def __init__(self, path: Path, record: dict[str, Any], notes: tuple[str, ...]) -> None:
        self.path, self.notes = path, notes
        self._record = record
        self._lock = RunLock(path)

    @classmethod
    def open(
        cls,
        out: Path,
        kind: str,
        *,
        settings: Mapping[str, Any],
        digests: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> RunFolder:
        """Begin a run, or go on with the one that is there.

        Args:
            kind: "pretrain", "finetune".
            settings: nested plain values; must be those that the run began with.
            digests: of the data, by name; likewise.
            environment: what bits may depend on; a difference is noted, not refused.

        Raises:
            ResumeMismatch: the folder holds a run of another kind, of other settings or data.
        """
        given = {
            "kind": kind,
            "settings": dict(settings),
            "digests": dict(digests),
            "environment": dict(environment),
            "decided": {},
        }
        if not (out / RECORD).is_file():
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / RECORD, given)
            return cls(out, given, ())
        record = read_json(out / RECORD)
        faults = [
            *_differences({"kind": record["kind"]}, {"kind": kind}),
            *_differences(record["settings"], given["settings"]),
            *(f"the data {name!r} changed" for name in _changed(record["digests"], digests)),
        ]
        if faults:
            raise ResumeMismatch(
                f"{out} holds a run that can only go on as it began, but {'; '.join(faults)}. Give "
                "what it began with, or name another --out"
            )
        differ = _differences(record["environment"], given["environment"])
        note = f"this run began elsewhere ({'; '.join(differ)}), so its bits may differ from there"
        return cls(out, record, (note,) if differ else ())

    @property
    def finished(self) -> bool:
        """Whether the model is there."""
        return (self.path / MODEL).is_dir()

    def decided(self, name: str) -> Any:
        """What was decided at the start, or None."""
        return self._record["decided"].get(name)

    def decide(self, name: str, value: Any) -> None:
        """Decide something once, for all sessions of the run."""
        self._record["decided"][name] = value
        write_json(self.path / RECORD, self._record)

    def __enter__(self) -> RunFolder:
        self._lock.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, error, trace)


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Every setting that differs, as a clause: `optim.lr was 0.005 and is 0.003`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        found = []
        for name in sorted({*before, *now}):
            path = f"{where}.{name}" if where else name
            found += _differences(before.get(name), now.get(name), path)
        return found
    return [] if before == now else [f"{where} was {before!r} and is {now!r}"]
