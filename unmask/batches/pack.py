"""Lists of token ids to a flat batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.errors import TextError, TokenizerError, shown

I64 = npt.NDArray[np.int64]


def pack(
    rows: Sequence[Sequence[int] | I64],
    *,
    samples: Sequence[int] | I64 | None = None,
    segments: Sequence[Sequence[int] | I64] | None = None,
    labels: I64 | None = None,
) -> Batch:
    """Sequences one after the other, in the given order.

    Args:
        rows: the token ids of each sequence, special tokens included, none empty.
        samples: a number per sequence; by default its place here.
        segments: of the same shape as `rows`, for pairs.
        labels: one for each sequence; see `Batch`.

    Raises:
        TextError: there is no sequence.
        TokenizerError: a row is no sequence of integers, or segments are of another shape.
    """
    parts = _whole(rows, "rows")
    if not parts:
        raise TextError("a batch must hold at least one sequence, and none that is empty")
    lengths, flat = [len(part) for part in parts], None
    if segments is not None:
        told = _whole(segments, "segments")
        if (has := [len(part) for part in told]) != lengths:
            raise TokenizerError(
                "segments must be one for each token id, but the rows have the lengths "
                f"{shown(lengths)} and the segments {shown(has)}"
            )
        flat = np.concatenate(told)
    numbers = range(len(parts)) if samples is None else samples
    if len(numbers) != len(parts):
        raise TokenizerError(
            f"samples must be one number for each row, but {len(numbers)} were given for "
            f"{len(parts)} rows"
        )
    return from_flat(np.concatenate(parts), lengths, numbers, flat, labels)


def from_flat(
    ids: I64,
    lengths: Sequence[int],
    samples: Sequence[int] | I64,
    segments: I64 | None = None,
    labels: I64 | None = None,
) -> Batch:
    """A batch from ids that are flat already."""
    sizes = np.asarray(lengths, dtype=np.int64)
    boundaries = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes)))
    positions = np.arange(len(ids)) - np.repeat(boundaries[:-1], sizes)
    return Batch(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        boundaries=torch.from_numpy(boundaries),
        lengths=tuple(int(n) for n in lengths),
        segments=None if segments is None else torch.from_numpy(segments),
        samples=torch.from_numpy(np.array(samples, dtype=np.int64)),
        labels=None if labels is None else torch.from_numpy(labels),
    )


def _whole(rows: Sequence[Sequence[int] | I64], what: str) -> list[I64]:
    """Each row as an array; NumPy by itself would cut fractions off without a word."""
    parts = []
    for number, row in enumerate(rows):
        try:
            part = np.asarray(row)
        except ValueError:  # lists of unequal lengths within a row
            part = np.asarray(None)
        if part.ndim != 1 or (part.size and part.dtype.kind not in "iu"):
            raise TokenizerError(
                f"{what} must be sequences of whole numbers, but number {number} (counted from 0) "
                f"is {shown(row)}"
            )
        parts.append(part.astype(np.int64, copy=False))
    return parts


def unpack(batch: Batch) -> list[list[int]]:
    """The inverse of `pack`."""
    return [part.tolist() for part in torch.split(batch.ids, [*batch.lengths])]
