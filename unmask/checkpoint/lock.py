"""One writer for each run: an exclusive lock that ends with the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from unmask.checkpoint.durable import explained, make_folders
from unmask.errors import CheckpointError

LOCK = ".lock"


class RunLock:
    """Hold a run's folder for writing: `with RunLock(run_dir): ...`.

    The system gives the lock back when the process ends, however it ends, so there is never a
    stale one to remove; the file that it hangs on stays. It also keeps out a second `RunLock` in
    the same process, and on network filesystems (where they support `flock`) other machines.

    Processes forked while it is held do not hold it: a worker that outlives a killed parent for a
    moment must not keep the run from being started again.

    Args:
        run_dir: the folder; made on entering.
        wait: until whoever holds it has ended, rather than raise.

    Raises:
        CheckpointError: on entering, if somebody holds the folder (the message says which process,
            on which machine), or if the filesystem has no locks.
    """

    def __init__(self, run_dir: Path, *, wait: bool = False) -> None:
        self._path, self._wait = Path(run_dir) / LOCK, wait
        self._descriptor: int | None = None

    def __enter__(self) -> RunLock:
        if self._descriptor is not None:
            raise CheckpointError(f"{self._path.parent} is held by this very RunLock already.")
        with explained(self._path, None):
            make_folders(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._take(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        os.register_at_fork(after_in_child=self._forget)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)  # nobody reads a former holder's number
        self._forget()

    def _take(self, descriptor: int) -> None:
        folder = self._path.parent
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise CheckpointError(
                    f"{folder} cannot be locked against a second writer: {error.strerror}. Put "
                    "the run on a filesystem that has locks."
                ) from error
            holder = os.pread(descriptor, 256, 0).decode("ascii", "replace").strip()
            raise CheckpointError(
                f"{folder} is being written by {holder or 'another process'}, and a run has one "
                "writer. Wait until it ends, end it, or choose another folder."
            ) from error
        # Only for the message of whoever comes second: not synced, and a full disk is no matter.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def _forget(self) -> None:
        """Close the file; in the process that took the lock, that gives it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
