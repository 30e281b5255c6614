"""Where a model came from on the Hub, as it is recorded in the folders that are saved from it.

`source.json` holds `{"name": ..., "revision": ..., "commit": ...}`. It goes with a model through
opening, saving and fine-tuning.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.checkpoint.manifest import MANIFEST, read_manifest
from unmask.errors import CorruptCheckpoint

SOURCE = "source.json"

_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Origin:
    """A model on the Hub.

    Attributes:
        name: `org/name`, or `name` alone for the oldest models.
        revision: the branch, tag or commit that was asked for; None for the default branch.
        commit: what that was at the time, 40 hexadecimal digits.
    """

    name: str
    revision: str | None
    commit: str

    def __str__(self) -> str:
        """For people: the name, and the commit behind it."""
        asked = "" if self.revision in (None, self.commit) else f" ({self.revision})"
        return f"{self.name} at {self.commit}{asked}"


def write_origin(folder: Path, origin: Origin | None) -> None:
    """Record in a new folder where its model comes from, if that is known."""
    if origin is not None:
        (folder / SOURCE).write_bytes(render_json(asdict(origin)))


def read_origin(folder: Path) -> Origin | None:
    """What a folder that was saved here records, or None where it records nothing.

    A `source.json` that the folder's manifest does not list is somebody else's, and not read.

    Raises:
        CorruptCheckpoint: the record is not of this form.
    """
    if not (folder / MANIFEST).exists() or SOURCE not in read_manifest(folder):
        return None
    match read_json(folder / SOURCE):
        case {
            "name": str(name),
            "revision": str() | None as revision,
            "commit": str(commit),
            **rest,
        }:
            if not rest and _COMMIT.fullmatch(commit):
                return Origin(name, revision, commit)
    raise CorruptCheckpoint(
        f"{folder / SOURCE} must hold name, revision and commit of a model on the Hub, and does "
        "not. Restore the folder from a good copy"
    )
