"""Vectors in fewer bytes: float16, int8 with a range for each dimension, and bits.

N vectors of E numbers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from unmask.checkpoint.durable import empty_file, explained, make_folders, staged, sync
from unmask.errors import CheckpointError, ConfigError, DataError, ModelError, shown

F32 = npt.NDArray[np.float32]
Form = Literal["float32", "float16", "int8", "bits"]
FORMS: tuple[Form, ...] = get_args(Form)
DTYPES: Mapping[Form, str] = {"float32": "<f4", "float16": "<f2", "int8": "|i1", "bits": "|u1"}
"""What a number is stored as; of bits, eight dimensions to a byte."""
LEVELS = 255  # steps between the lowest and the highest of 256 values


@dataclass(frozen=True, slots=True)
class Ranges:
    """Where each dimension lies, so that a byte can say where in between a number is.

    Attributes:
        low, high: `(E,)` float32.
    """

    low: F32
    high: F32

    @classmethod
    def of(cls, vectors: npt.ArrayLike) -> Ranges:
        """The lowest and the highest of each dimension of some vectors `(N, E)`.

        Raises:
            DataError: there are none, or a number is not finite.
        """
        table = _table(vectors)
        if not len(table):
            raise DataError("ranges are those of vectors, and there are none; give some")
        return cls(table.min(0), table.max(0))

    @property
    def step(self) -> F32:
        """`(E,)` what one level is worth; 1 where all numbers were the same."""
        steps = (self.high - self.low) / np.float32(LEVELS)
        found: F32 = np.where(steps > 0, steps, np.float32(1)).astype(np.float32)
        return found

    def small(self, vectors: F32) -> npt.NDArray[np.int8]:
        """`(N, E)` to the nearest levels; what lies outside goes to the end that is nearer."""
        levels = np.rint((vectors - self.low) / self.step)
        found: npt.NDArray[np.int8] = (np.clip(levels, 0, LEVELS) - 128).astype(np.int8)
        return found

    def large(self, levels: npt.NDArray[np.int8]) -> F32:
        """The numbers that levels stand for: `(N, E)`, off by at most half a step."""
        return self.low + (levels.astype(np.float32) + np.float32(128)) * self.step

    def outside(self, vectors: F32) -> int:
        """How many numbers lie outside."""
        return int(((vectors < self.low) | (vectors > self.high)).sum())


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors in one of the forms, in memory or in a file.

    Attributes:
        array: `(N, E)` of float32, float16 or int8; of bits `(N, E / 8)` uint8, rounded up, where
            the first dimension is the highest bit of the first byte.
        ranges: of int8; else None.
    """

    array: npt.NDArray[Any]
    ranges: Ranges | None = None

    def __post_init__(self) -> None:
        if self.array.ndim != 2:
            raise ModelError(f"vectors must be a table (N, E), not of shape {self.array.shape}")
        if (self.form == "int8") != (self.ranges is not None):
            raise ConfigError(
                "int8 vectors need the ranges that they were made with, and no others have any. "
                "Make them with unmask.quantize, or open their file with unmask.open_vectors"
            )
        if self.ranges is not None and self.ranges.low.shape != (self.array.shape[1],):
            raise ModelError(
                f"ranges must be for {self.array.shape[1]} dimensions, as the vectors have, not "
                f"for {len(self.ranges.low)}. Are they of one file?"
            )

    @property
    def form(self) -> Form:
        """What the numbers are stored as."""
        found = next(
            (form for form, name in DTYPES.items() if self.array.dtype == np.dtype(name)), None
        )
        if found is None:
            raise ConfigError(
                f"vectors must be stored as {', '.join(DTYPES)} (uint8), not as "
                f"{self.array.dtype}; turn them over with .astype('float32')"
            )
        return found

    def __len__(self) -> int:
        """N."""
        return len(self.array)

    def floats(self, begin: int = 0, end: int | None = None) -> F32:
        """Some of the vectors as `(n, E)` float32; not for bits."""
        part = self.array[begin:end]
        if self.ranges is not None:
            return self.ranges.large(part)
        return np.asarray(part, dtype=np.float32)

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write the vectors as .npy, and ranges beside them.

        Raises:
            ConfigError: the file is no .npy, or is there and not to be replaced.
            CheckpointError: the disk is full or refuses.
        """
        path = checked_output(Path(path), replace=replace)
        if self.ranges is not None:
            write_ranges(path, self.ranges)
        _write(path, self.array)


def quantize(
    vectors: npt.ArrayLike, form: Form, *, calibration: npt.ArrayLike | None = None
) -> Vectors:
    """Vectors in fewer bytes.

    Args:
        vectors: `(N, E)` floats.
        form: "float16" has half the bytes; "int8" a quarter, each dimension in 256 levels between
            the lowest and the highest of the calibration vectors; "bits" a 32nd, 1 where a number
            is above 0, packed as sentence-transformers packs its "ubinary".
        calibration: of int8, vectors like those that will come, whose ranges are taken; None for
            those of `vectors`.

    Raises:
        ConfigError: there is no such form, or calibration vectors for another than int8.
        DataError: a number is not finite, or too large for float16.
    """
    if form not in FORMS:
        raise ConfigError(f"a form of vectors must be one of {', '.join(FORMS)}, not {form!r}")
    if calibration is not None and form != "int8":
        raise ConfigError(f"calibration vectors are for int8, not for {form}; leave them out")
    table = _table(vectors)
    ranges = Ranges.of(table if calibration is None else calibration) if form == "int8" else None
    return Vectors(in_form(table, form, ranges), ranges)


def in_form(vectors: F32, form: Form, ranges: Ranges | None = None) -> npt.NDArray[Any]:
    """Finite vectors `(N, E)` as they are stored; see `quantize`."""
    if ranges is not None:
        return ranges.small(vectors)
    if form == "bits":
        return np.packbits(vectors > 0, axis=1)
    if form == "float16":
        with np.errstate(over="ignore"):
            half = vectors.astype(np.float16)
        if not np.isfinite(half).all():
            raise DataError(
                "float16 holds numbers up to 65,504, but a vector has "
                f"{float(np.abs(vectors).max()):g}; normalise the vectors, or keep float32"
            )
        return half
    return vectors


def open_vectors(path: str | Path) -> Vectors:
    """The vectors of a .npy file, which are read from the disk as they are needed.

    Of int8, the ranges are read from the file beside it: `vectors.ranges.npy` for `vectors.npy`.

    Raises:
        CheckpointError: a file is not there, or is no table of numbers.
        ConfigError: it holds numbers of another kind.
    """
    path = Path(path)
    array = _read(path, mapped=True)
    if array.dtype != np.int8:
        return Vectors(array)
    table = _read(ranges_file(path), mapped=False)
    if table.shape != (2, array.shape[1]) or table.dtype != np.float32:
        raise CheckpointError(
            f"{ranges_file(path)} must hold two rows of {array.shape[1]} float32, the lowest and "
            f"the highest of each dimension, but has {table.shape} of {table.dtype}. Make both "
            "files anew"
        )
    return Vectors(array, Ranges(table[0], table[1]))


def ranges_file(path: Path) -> Path:
    """Where the ranges of a file of int8 vectors are."""
    return path.with_suffix(".ranges.npy")


def write_ranges(path: Path, ranges: Ranges) -> None:
    """Put ranges beside a file of vectors, which is put in place afterwards.

    Vectors that are there are removed first: they would be read with the wrong ranges.
    """
    with explained(path, None):
        path.unlink(missing_ok=True)
    _write(ranges_file(path), np.stack([ranges.low, ranges.high]))


def checked_output(path: Path, *, replace: bool) -> Path:
    """The whole path of a new file of vectors, beside which ranges may be put.

    Raises:
        ConfigError: the file is no .npy, or one of both is there and not to be replaced.
    """
    if path.suffix.lower() != ".npy":
        raise ConfigError(f"the output must be a .npy file, and {path} is none")
    for one in (path, ranges_file(path)):
        if one.exists() and not replace:
            raise ConfigError(f"{one} exists already; choose another name, or pass --replace")
    return Path(os.path.abspath(path))


def _write(path: Path, array: npt.NDArray[Any]) -> None:
    with explained(path, array.nbytes):
        make_folders(path.parent)
        with staged(path, empty_file) as temporary:
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)


def _read(path: Path, *, mapped: bool) -> npt.NDArray[Any]:
    try:
        found = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError as error:
        why = error.strerror or error
        raise CheckpointError(f"{path} cannot be read: {why}. Check the path") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is no .npy file of numbers: {error}") from None
    if not isinstance(found, np.ndarray):
        raise CheckpointError(f"{path} holds several arrays; save one of them as .npy")
    return found


def _table(vectors: npt.ArrayLike) -> F32:
    """`(N, E)` finite float32.

    Raises:
        ModelError: the shape is another.
        DataError: a number is not finite.
    """
    table = np.asarray(vectors, dtype=np.float32)
    if table.ndim != 2:
        raise ModelError(f"vectors must be a table (N, E), not of shape {table.shape}")
    check_finite(table, "vector")
    return table


def check_finite(table: F32, what: str, first: int = 0) -> None:
    """Check that all numbers are finite.

    Args:
        table: `(n, E)`.
        what: a row is.
        first: number of the first row.

    Raises:
        DataError: one is not; says in which row.
    """
    if np.isfinite(table).all():
        return
    row = int(np.flatnonzero(~np.isfinite(table).all(1))[0])
    raise DataError(
        f"vectors must be finite, but {what} {first + row} (counted from 0) has "
        f"{shown(float(table[row][~np.isfinite(table[row])][0]))}; remove it, or make it anew"
    )
