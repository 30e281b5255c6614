"""Numbers beside a token store that only some objectives need, made when one asks for them.

STORE/
    NAME.bin     int64, one number after the other
    NAME.json    what they are made of and how many there are, written last
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.errors import CorruptText

I64 = npt.NDArray[np.int64]


def side_file(
    folder: Path, name: str, made_of: Mapping[str, str], make: Callable[[], Iterable[I64]]
) -> I64:
    """Make a file of numbers in a store's folder, or open the one that is there if of the same.

    Args:
        folder: of the store.
        name: of the file.
        made_of: digests and settings that decide the numbers.
        make: gives them in parts, as a stream; memory does not grow with their number.

    Returns:
        `(N,)` int64, memory-mapped.

    Raises:
        CorruptText: the file is not as long as it was.
    """
    path, meta = folder / f"{name}.bin", folder / f"{name}.json"
    count = _count(meta, made_of)
    if count is None:
        meta.unlink(missing_ok=True)
        count = 0
        with path.open("wb") as file:
            for part in make():
                file.write(np.asarray(part, dtype=np.int64).tobytes())
                count += len(part)
            file.flush()
            os.fsync(file.fileno())
        temporary = folder / f".{meta.name}"
        said = {"made_of": dict(made_of), "count": count}
        temporary.write_text(json.dumps(said), encoding="utf-8")
        temporary.replace(meta)
    size = path.stat().st_size if path.is_file() else -1
    if size != count * 8:
        there = "no" if size < 0 else size
        raise CorruptText(str(path), None, f"it must have {count * 8} bytes, but has {there}")
    if not count:
        return np.zeros(0, dtype=np.int64)
    return np.memmap(path, np.int64, mode="r", shape=(count,))


def _count(meta: Path, made_of: Mapping[str, str]) -> int | None:
    """How many numbers a finished file of the same has; None where there is none."""
    try:
        said = json.loads(meta.read_text(encoding="utf-8"))
        return int(said["count"]) if said["made_of"] == dict(made_of) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
