"""Bytes that outlive a crash: syncing, hidden staging names, claims, and what a full disk says.

Everything is first written under a hidden name beside its target, `.NAME.tmp-PID-TOKEN`, then
synced, then renamed. Whoever writes such a thing holds a claim on it (`flock`), so a later sweep
can tell a save that is under way from the remains of one that was killed. The process id in the
name is for people: ids are reused and repeat across containers, the claim does neither.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from unmask.errors import CheckpointError

STAGED = re.compile(r"\.(?P<name>.+)\.(?P<kind>tmp|old)-(?P<pid>\d+)-(?P<token>[0-9a-f]{32})")
"""Hidden names: `tmp` is being written, `old` is the folder that a replacement pushed aside."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Libraries that write from Rust hand the number over as text only.
_FULL_TEXT = re.compile("|".join(rf"\(os error {number}\)" for number in sorted(_FULL)))


def hidden(path: Path, kind: Literal["tmp", "old"]) -> Path:
    """A fresh hidden name beside `path`."""
    return path.with_name(f".{path.name}.{kind}-{os.getpid()}-{uuid.uuid4().hex}")


def sync(path: Path) -> None:
    """Push a file's bytes, or a folder's list of names, down to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE filesystems cannot sync a folder and say EINVAL.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def make_folders(path: Path) -> None:
    """Create `path` and its missing parents, each entry synced into the folder that holds it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir()
        sync(folder.parent)


def claim(path: Path, *, wait: bool = False) -> int | None:
    """Hold `path` (a file or folder of ours) for this process; the descriptor to close later.

    Returns None on filesystems that have no locks. Raises BlockingIOError if somebody else holds
    it, FileNotFoundError if it is gone.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the open and the lock it may have been swept away or moved.
        if not os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold `path` inside the block. The value is False where the filesystem has no locks."""
    descriptor = claim(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def staged(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A hidden sibling of `target`, made by `create`, claimed, and gone when the block is left.

    What the block renamed away stays, of course.
    """
    descriptor = None
    for _ in range(8):  # a sweep can take a new name before it is claimed; never eight times
        temporary = hidden(target, "tmp")
        create(temporary)
        with suppress(FileNotFoundError):
            descriptor = claim(temporary, wait=True)
            break
    try:
        yield temporary
    finally:
        discard(temporary)
        if descriptor is not None:
            os.close(descriptor)


def discard(path: Path) -> None:
    """Remove a hidden file or folder as far as possible; what resists is left to a later sweep."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def empty_file(path: Path) -> None:
    """Create a new file, with the permissions that the umask gives."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))


def write_file(path: Path, data: bytes) -> None:
    """Put one file in place: afterwards it holds all of `data`, or what it held before.

    Raises CheckpointError if the disk is full or refuses.
    """
    path = Path(os.path.abspath(path))
    with explained(path, len(data)):
        make_folders(path.parent)
        with staged(path, empty_file) as temporary:
            temporary.write_bytes(data)
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)


@contextmanager
def explained(path: Path, size: int | None) -> Iterator[None]:
    """Turn errors of the system into a CheckpointError about `path`, which needs `size` bytes."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        if _is_full(error):
            raise CheckpointError(_full_text(path, size)) from error
        if isinstance(error, OSError):
            raise CheckpointError(
                f"{path} could not be changed: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}. "
                "What stood there before is kept. Check the folder's permissions and its disk."
            ) from error
        raise


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return _FULL_TEXT.search(str(error)) is not None


def _full_text(path: Path, size: int | None) -> str:
    # Asked after the half-written copy is gone, so it is what a next attempt would find.
    folder = next(parent for parent in path.parents if parent.exists())
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    need = f"more than these {free:,}" if size is None else f"{size:,}"
    return (
        f"{path} was not written: the disk is full, or a limit on file size or quota is reached. "
        f"Free: {free:,} bytes; needed: {need} bytes. What stood there before is kept and no "
        "temporary file is left. Make room, or write to another disk, and start again."
    )
