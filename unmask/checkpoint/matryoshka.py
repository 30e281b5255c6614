"""To how many leading numbers the vectors of a model may be cut: `matryoshka.json`.

sentence-transformers has no field for it, so it stands in a file of its own beside
`modules.json`, which that library passes over.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.errors import CorruptCheckpoint, shown

MATRYOSHKA = "matryoshka.json"
_FIELD = "dimensions"


def write_dims(folder: Path, dims: tuple[int, ...]) -> None:
    """Record in a new folder what vectors were trained to be cut to, where there is something."""
    if dims:
        (folder / MATRYOSHKA).write_bytes(render_json({_FIELD: list(dims)}))


def read_dims(folder: Path, whole: int) -> tuple[int, ...]:
    """What a folder says, the whole vector first; nothing where it says nothing.

    Args:
        folder: the folder with `modules.json`.
        whole: numbers of a vector that is not cut.

    Raises:
        CorruptCheckpoint: the record is not of this form, or is of other vectors.
    """
    path = folder / MATRYOSHKA
    if not path.is_file():
        return ()
    raw = read_json(path)
    dims = raw.get(_FIELD) if isinstance(raw, dict) and raw.keys() == {_FIELD} else None
    numbers = isinstance(dims, list) and all(type(one) is int and one > 0 for one in dims)
    if not dims or not numbers or dims[0] != whole or any(a <= b for a, b in pairwise(dims)):
        raise CorruptCheckpoint(
            f"{path} must list under {_FIELD!r} numbers that fall from the {whole} of a whole "
            f"vector, but holds {shown(raw)}. Restore the folder from a good copy"
        )
    return tuple(dims)
