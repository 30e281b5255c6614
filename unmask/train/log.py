"""The run's log: one JSON object a line, each step exactly once whatever happened in between."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unmask.errors import CorruptText


class RunLog:
    """Append-only while a run lasts; cut back to the checkpoint when it is resumed.

    A record has "step", the number of updates done before or with it, and "kind":
    "train", "held_out", "averaged", "skipped" or "resumed".
    """

    def __init__(self, path: Path, last_step: int) -> None:
        """Open for appending.

        Args:
            path: the file; made where there is none.
            last_step: records of later steps are removed: they will be made again.
        """
        self.path = path
        if path.exists():
            # Cut off rather than written anew: a kill in between then loses nothing.
            os.truncate(path, _end_of(path, last_step))
        self._file = path.open("a", encoding="utf-8")

    def write(self, kind: str, step: int, **facts: Any) -> None:
        """Add a record; it is on its way to the disk when this returns."""
        self._file.write(json.dumps({"kind": kind, "step": step, **facts}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _end_of(path: Path, last_step: int) -> int:
    """Bytes of the file up to the last record of a step that is kept."""
    end = 0
    for record, after in _records(path):
        if record["step"] > last_step:
            break
        end = after
    return end


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log. A last line cut off by a kill is left out: its step is done again.

    Raises:
        CorruptText: any other line that is no JSON object.
    """
    return (record for record, _ in _records(path))


def _records(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Each record with the bytes of the file up to its end; see `read_log`."""
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                raise CorruptText(str(path), number, "not a JSON object") from None
            end += len(line)
            yield record, end
