"""Folders that are there whole or not at all.

`publish` writes a folder under a hidden name, syncs it, digests it into a manifest, and renames
it into place. Replacing takes two renames: the old folder steps aside under a hidden name before
the new one comes in, and is removed after that is on disk. So at each instant the old or the new
folder exists, complete; a crash between the two renames leaves the old one under its hidden name,
and `recover` (which `publish` and `sweep` call) puts it back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from unmask.checkpoint.durable import (
    STAGED,
    claimed,
    discard,
    explained,
    hidden,
    make_folders,
    staged,
    sync,
    write_file,
)
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.checkpoint.manifest import (
    MANIFEST,
    contents,
    read_manifest,
    verify,
    verify_if_manifest,
    write_manifest,
)
from unmask.errors import CheckpointError

__all__ = [
    "MANIFEST",
    "check_free",
    "publish",
    "read_json",
    "recover",
    "remove",
    "sweep",
    "verify",
    "verify_if_manifest",
    "write_file",
    "write_json",
]


def publish(
    path: Path,
    write: Callable[[Path], None],
    *,
    replace: bool = False,
    size: int | None = None,
) -> None:
    """Make the folder `path` out of what `write` puts into the empty folder that it is given.

    Afterwards `path` holds everything, with a manifest, on disk; or, after an exception or a
    crash at any point, what it held before. Permissions are those of the umask, whatever `write`
    gave. An empty folder at `path` counts as none.

    Args:
        path: the folder to make. Missing parents are made too.
        write: fills the folder. Files and folders only, and no `manifest.json`.
        replace: whether a folder that stands there may be replaced. Only a folder that `publish`
            wrote and nobody added to: other files in it would be lost.
        size: bytes that will be needed, if known; a full disk is then reported with it.

    Raises:
        CheckpointError: `path` is taken, or the system refuses; a full disk says how many bytes
            are free and needed. Whatever else `write` raises passes through.
    """
    path = Path(os.path.abspath(path))
    with explained(path, size):
        make_folders(path.parent)
        sweep(path.parent)
        taken = _taken(path)
        if taken:
            _check_replaceable(path, replace)
        with staged(path, os.mkdir) as folder:
            write(folder)
            _seal(folder)
            if taken:
                _swap_in(folder, path)
            else:
                os.rename(folder, path)
                sync(path.parent)


def check_free(path: Path) -> None:
    """Raise the CheckpointError that `publish` would raise where `path` is taken.

    For those who work long before they publish.
    """
    path = Path(os.path.abspath(path))
    if _taken(path):
        _check_replaceable(path, replace=False)


def remove(path: Path) -> None:
    """Remove a folder so that no crash leaves a part of it under its name."""
    path = Path(os.path.abspath(path))
    with explained(path, None), claimed(path):
        trash = hidden(path, "tmp")
        os.rename(path, trash)
        sync(path.parent)
        discard(trash)


def recover(path: Path) -> bool:
    """Put back the folder that an interrupted replacement of `path` left aside.

    A replacement that is still under way in a living process is left alone. If `path` stands
    whole, the remains are removed. Returns whether something was put back. Raises CheckpointError
    if the system refuses.
    """
    path = Path(os.path.abspath(path))
    with explained(path, None):
        asides = [item for item, *of in _remains(path.parent) if of == [path.name, "old"]]
        restored = False
        # The newest first: its name changed last.
        for aside in sorted(asides, key=lambda item: item.lstat().st_ctime_ns, reverse=True):
            with suppress(BlockingIOError, FileNotFoundError), claimed(aside):
                if not os.path.lexists(path):
                    os.rename(aside, path)
                    sync(path.parent)
                    restored = True
                elif _is_whole(path):
                    discard(aside)
        return restored


def sweep(parent: Path) -> list[Path]:
    """Clear the hidden remains of killed saves below `parent`: put back, or remove.

    What a living process is still writing is left alone, and so is everything on filesystems
    that have no locks to tell. Returns the hidden names that are gone.
    """
    remains = list(_remains(parent))
    for item, name, kind in remains:
        # Tidying up must not stop a save: somebody else's remains may resist.
        with suppress(OSError, CheckpointError):
            if kind == "old":
                recover(parent / name)
                continue
            with claimed(item) as certain:
                if certain:
                    discard(item)
    return [item for item, _, _ in remains if not os.path.lexists(item)]


def _remains(parent: Path) -> Iterator[tuple[Path, str, str]]:
    """Hidden names of ours in `parent`, each with the name it stood for and its kind."""
    if parent.is_dir():
        for item in sorted(os.listdir(parent)):
            if match := STAGED.fullmatch(item):
                yield parent / item, match["name"], match["kind"]


def _taken(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    if path.is_symlink() or not path.is_dir():
        raise CheckpointError(f"{path} exists and is not a folder. Choose another name.")
    return any(path.iterdir())


def _check_replaceable(path: Path, replace: bool) -> None:
    if not replace:
        raise CheckpointError(f"{path} exists already. Choose another name, or remove it first.")
    if not os.path.lexists(path / MANIFEST):
        raise CheckpointError(
            f"{path} is not replaced: it has no {MANIFEST}, so unmask did not write it. Choose "
            "another name, or remove it first."
        )
    _, files = contents(path)
    foreign = sorted(files.keys() - read_manifest(path).keys() - {MANIFEST})
    if foreign:
        raise CheckpointError(
            f"{path} is not replaced: files were added to it that would be lost: "
            f"{', '.join(foreign[:8])}{' …' if len(foreign) > 8 else ''}. Move them away first."
        )


def _seal(folder: Path) -> None:
    """Permissions as the umask says, everything synced, the manifest last."""
    folders, files = contents(folder)
    allowed = stat.S_IMODE(folder.stat().st_mode) & 0o777  # mkdir left what the umask leaves
    for item in (*folders, *files.values()):
        had = stat.S_IMODE(item.stat().st_mode)
        want = allowed if item.is_dir() else allowed & 0o666
        if had & 0o777 != want:
            os.chmod(item, had & ~0o777 | want)
    for item in files.values():
        sync(item)
    write_manifest(folder)
    for item in reversed(folders):
        sync(item)


def _swap_in(folder: Path, path: Path) -> None:
    aside = hidden(path, "old")
    # Claimed under its own name, so that no reader takes the swap for a crash and undoes it.
    with claimed(path):
        os.rename(path, aside)
        try:
            sync(path.parent)
            os.rename(folder, path)
        except BaseException:
            if not os.path.lexists(path):
                os.rename(aside, path)
            raise
        sync(path.parent)
        discard(aside)


def _is_whole(path: Path) -> bool:
    try:
        verify(path)
    except CheckpointError:
        return False
    return True
