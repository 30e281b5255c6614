"""The manifest of a saved folder: size and SHA-256 of every file, written last.

No common format of model weights notices a flipped bit: safetensors checks that its header and
offsets make sense, not its values. A folder with a manifest is read only after every listed file
has been compared with its digest. The manifest is also the mark of completeness, since it is the
last file to be written.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from unmask.checkpoint.durable import sync
from unmask.checkpoint.jsonfile import parse_json, read_bytes, render_json
from unmask.errors import CheckpointError, CorruptCheckpoint

MANIFEST = "manifest.json"
SCHEMA = 1

# A model card is prose that people go on writing; a word changed in it harms no one.
PROSE = frozenset({"README.md"})

_SHOWN = 8  # as many differences as one message lists


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded of one file: its size in bytes and its SHA-256 in lower-case hex."""

    size: int
    sha256: str


def contents(folder: Path) -> tuple[list[Path], dict[str, Path]]:
    """All folders from `folder` down, parents first, and all files by their relative POSIX path.

    Raises CheckpointError on anything else, such as a symbolic link or a pipe.
    """
    folders, files = [folder], dict[str, Path]()
    for place in folders:  # grows while it is walked
        for item in sorted(place.iterdir()):
            mode = item.lstat().st_mode
            if stat.S_ISDIR(mode):
                folders.append(item)
            elif stat.S_ISREG(mode):
                files[item.relative_to(folder).as_posix()] = item
            else:
                raise CheckpointError(
                    f"{item} is neither a file nor a folder, and a saved folder holds only these."
                )
    return folders, files


def measure(path: Path) -> Entry:
    """Size and digest of a file as it is on disk."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Entry(os.fstat(stream.fileno()).st_size, digest)


def write_manifest(folder: Path) -> None:
    """Digest every file below `folder` into a new, synced manifest.

    Raises CheckpointError if there is a manifest already: the name is reserved.
    """
    _, files = contents(folder)
    if MANIFEST in files:
        raise CheckpointError(
            f"{folder / MANIFEST} exists already; the name is kept for the digests. Rename yours."
        )
    target = folder / MANIFEST
    target.write_bytes(_render({name: measure(path) for name, path in files.items()}))
    sync(target)


def read_manifest(folder: Path) -> dict[str, Entry]:
    """What the manifest of `folder` lists, by relative path.

    Raises CheckpointError if it cannot be read or is of a newer schema, CorruptCheckpoint if it
    is not byte for byte what `write_manifest` would have written.
    """
    path = folder / MANIFEST
    data = read_bytes(path)
    value = parse_json(data, str(path))
    schema = _checked_schema(value, data)
    if schema is not None and schema > SCHEMA:
        raise CheckpointError(
            f"{path} has schema {schema}; this version reads up to {SCHEMA}. Install a newer one."
        )
    try:
        entries = {name: Entry(**entry) for name, entry in value["files"].items()}
        whole = schema == SCHEMA and all(_is_sound(*item) for item in entries.items())
    except (TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise CorruptCheckpoint(
            f"{path} is damaged: it is not as it was written, so nothing in the folder can be "
            "checked. Restore the folder from a good copy."
        )
    return entries


def verify(path: Path) -> None:
    """Compare every file that the manifest of the folder `path` lists with its size and digest.

    Files that it does not list are allowed: people add notes, and edit `README.md`. Raises
    CheckpointError if there is no such folder, CorruptCheckpoint if the manifest is missing or
    damaged or a file differs; the message names each file and what differs.
    """
    if not path.is_dir():
        raise CheckpointError(f"{path} is not a folder. Check the path.")
    if not os.path.lexists(path / MANIFEST):
        raise CorruptCheckpoint(
            f"{path} has no {MANIFEST}: it was not written to its end, or not by unmask, or the "
            "file was lost. Use another folder."
        )
    entries = read_manifest(path)
    held = {name: entry for name, entry in entries.items() if name not in PROSE}
    faults = [f for name, entry in held.items() if (f := _fault(path / name, name, entry))]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise CorruptCheckpoint(
            f"{path}: {len(faults)} of {len(entries)} files are not as they were written: "
            f"{'; '.join(faults[:_SHOWN])}{more}. Restore the folder from a good copy."
        )


def verify_if_manifest(path: Path) -> bool:
    """`verify` where there is a manifest; False, unchecked, where there is none."""
    if not os.path.lexists(path / MANIFEST):
        return False
    verify(path)
    return True


def _fault(path: Path, name: str, entry: Entry) -> str | None:
    """What is wrong with one file. Links are followed: caches of the Hub are made of them."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return f"{name}: not a regular file"
        if found.st_size != entry.size:
            return f"{name}: size is {found.st_size:,} bytes, recorded {entry.size:,}"
        measured = measure(path)
    except FileNotFoundError:
        return f"{name}: missing"
    except OSError as error:
        return f"{name}: cannot be read ({error.strerror})"
    if measured != entry:
        return f"{name}: sha256 is {measured.sha256[:12]}…, recorded {entry.sha256[:12]}…"
    return None


def _render(entries: dict[str, Entry]) -> bytes:
    files = {name: {"size": e.size, "sha256": e.sha256} for name, e in sorted(entries.items())}
    return _with_digest({"schema": SCHEMA, "files": files})


def _with_digest(value: dict[str, Any]) -> bytes:
    """The one spelling of a manifest, with a digest of its own at the end."""
    return render_json({**value, "sha256": hashlib.sha256(render_json(value)).hexdigest()})


def _checked_schema(value: Any, data: bytes) -> int | None:
    """The schema of a manifest that is byte for byte as it was written, of any version, or None.

    Without its own digest a flipped bit in the schema would pass for a newer version.
    """
    if not isinstance(value, dict) or type(value.get("schema")) is not int:
        return None
    rest = {key: item for key, item in value.items() if key != "sha256"}
    try:
        return value["schema"] if _with_digest(rest) == data else None
    except CheckpointError:  # read as JSON, and yet not to be written: half a surrogate pair
        return None


def _is_sound(name: str, entry: Entry) -> bool:
    """Whether a listed path stays below its folder, and its entry has the right types."""
    path = PurePosixPath(name)
    inside = path.as_posix() == name and not path.is_absolute() and ".." not in path.parts
    digest = isinstance(entry.sha256, str) and re.fullmatch("[0-9a-f]{64}", entry.sha256)
    return inside and name != "." and "\0" not in name and type(entry.size) is int and bool(digest)
