"""Vectors to a NumPy file, one after the other, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from unmask.checkpoint.durable import empty_file, explained, make_folders, staged, sync
from unmask.errors import ConfigError
from unmask.pipelines.quantized import (
    DTYPES,
    F32,
    Form,
    Ranges,
    checked_output,
    in_form,
    write_ranges,
)

CALIBRATION = 10_000
"""The first vectors of a file as int8, by which its ranges are chosen."""


class Write:
    """Takes vectors and writes them in a form; those of int8 wait until the ranges are known.

    Attributes:
        form: what the numbers are stored as.
        count: vectors so far.
        ranges: of int8, once `CALIBRATION` vectors were seen or the last; else None.
        outside: numbers of int8 that lay outside of the ranges, and went to the end that is nearer.
    """

    def __init__(self, file: BinaryIO, dimension: int, form: Form) -> None:
        self.form: Form = form
        self.count = self.outside = 0
        self.ranges: Ranges | None = None
        self._file, self._dimension = file, dimension
        self._waiting: list[F32] = []

    def __call__(self, vector: F32) -> None:
        """Write a vector `(dimension,)`."""
        self._waiting.append(vector)
        self.count += 1
        known = self.form != "int8" or self.ranges is not None
        if known or len(self._waiting) == CALIBRATION:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        table = np.stack(self._waiting).astype(np.float32, copy=False)
        self._waiting = []
        if self.form == "int8":
            self.ranges = self.ranges or Ranges.of(table)
            self.outside += self.ranges.outside(table)
        stored = in_form(table, self.form, self.ranges)
        self._file.write(stored.astype(DTYPES[self.form], copy=False).tobytes())

    def finish(self) -> None:
        """Write what still waits."""
        self.flush()
        if self.form == "int8" and self.ranges is None:  # no vector came
            self.ranges = Ranges.of(np.zeros((1, self._dimension)))

    def header(self) -> bytes:
        """The beginning of a .npy file (version 1.0): 128 bytes for any count."""
        width = -(-self._dimension // 8) if self.form == "bits" else self._dimension
        shape = (
            f"{{'descr': '{DTYPES[self.form]}', 'fortran_order': False, "
            f"'shape': ({self.count}, {width}), }}"
        )
        text = shape.encode("ascii").ljust(117) + b"\n"
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@contextmanager
def vector_file(
    path: Path, dimension: int, *, replace: bool, form: Form = "float32"
) -> Iterator[Write]:
    """Write vectors within the block; the file is put in place when it ends without an error.

    Args:
        path: the file, which `unmask.open_vectors` opens, and `numpy.load` too: `(N, dimension)`,
            of bits an eighth as many bytes. Beside int8 its ranges are put, which are those of
            the first `CALIBRATION` vectors.
        dimension: of every vector.
        replace: whether a file that is there may be replaced.
        form: what the numbers are stored as.

    Yields:
        What takes a vector `(dimension,)`.

    Raises:
        ConfigError: the file is no .npy, or is there and not to be replaced; or there is no such
            form.
        DataError: a number does not fit the form.
        CheckpointError: the disk is full or refuses.
    """
    path = checked_output(path, replace=replace)
    if form not in DTYPES:
        raise ConfigError(f"vectors are stored as {', '.join(DTYPES)}, not as {form!r}")
    with explained(path, None):
        make_folders(path.parent)
        with staged(path, empty_file) as temporary:
            with temporary.open("wb") as file:
                write = Write(file, dimension, form)
                file.write(write.header())
                yield write
                write.finish()
                file.seek(0)
                file.write(write.header())  # of the same size
            sync(temporary)
            if write.ranges is not None:
                write_ranges(path, write.ranges)
            os.replace(temporary, path)
            sync(path.parent)
