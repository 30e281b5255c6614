"""Lists of token ids to a flat batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch

I64 = npt.NDArray[np.int64]


def pack(
    rows: Sequence[Sequence[int] | I64],
    *,
    samples: Sequence[int] | I64 | None = None,
    segments: Sequence[Sequence[int] | I64] | None = None,
) -> Batch:
    """Sequences one after the other, in the given order.

    Args:
        rows: the token ids of each sequence, special tokens included, none empty.
        samples: a number per sequence; by default its place here.
        segments: of the same shape as `rows`, for pairs.
    """
    lengths = [len(row) for row in rows]
    ids = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    flat = None
    if segments is not None:
        flat = np.concatenate([np.asarray(row, dtype=np.int64) for row in segments])
    return from_flat(ids, lengths, range(len(rows)) if samples is None else samples, flat)


def from_flat(
    ids: I64, lengths: Sequence[int], samples: Sequence[int] | I64, segments: I64 | None = None
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
    )


def unpack(batch: Batch) -> list[list[int]]:
    """The inverse of `pack`."""
    return [part.tolist() for part in torch.split(batch.ids, [*batch.lengths])]
