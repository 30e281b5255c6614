"""Vectors to a NumPy file, one after the other, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.checkpoint.durable import empty_file, explained, make_folders, staged, sync
from unmask.errors import ConfigError

Write = Callable[[npt.NDArray[np.float32]], None]


@contextmanager
def vector_file(path: Path, dimension: int, *, replace: bool) -> Iterator[Write]:
    """Write vectors within the block; the file is put in place when it ends without an error.

    Args:
        path: the file, which `numpy.load` reads as `(N, dimension)` float32.
        dimension: of every vector.
        replace: whether a file that is there may be replaced.

    Yields:
        A function that takes a vector `(dimension,)`.

    Raises:
        ConfigError: the file is no .npy, or is there and not to be replaced.
        CheckpointError: the disk is full or refuses.
    """
    if path.suffix.lower() != ".npy":
        raise ConfigError(f"the output must be a .npy file, and {path} is none")
    if path.exists() and not replace:
        raise ConfigError(f"{path} exists already; choose another name, or pass --replace")
    path = Path(os.path.abspath(path))
    with explained(path, None):
        make_folders(path.parent)
        with staged(path, empty_file) as temporary:
            with temporary.open("wb") as file:
                file.write(_header(0, dimension))
                count = 0

                def write(vector: npt.NDArray[np.float32]) -> None:
                    nonlocal count
                    file.write(vector.astype("<f4", copy=False).tobytes())
                    count += 1

                yield write
                file.seek(0)
                file.write(_header(count, dimension))  # of the same size
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)


def _header(count: int, dimension: int) -> bytes:
    """The beginning of a .npy file (version 1.0): 128 bytes for any count."""
    shape = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {dimension}), }}"
    text = shape.encode("ascii").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
