"""Flat rows: boundaries and positions right, and unpacking gives back what was packed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.pack import from_flat, pack, unpack

rows_of_batches = st.lists(
    st.lists(st.integers(0, 2**31), min_size=1, max_size=20), min_size=1, max_size=20
)


@settings(deadline=None)
@given(rows_of_batches)
def test_unpack_is_the_inverse(rows: list[list[int]]) -> None:
    batch = pack(rows)
    assert unpack(batch) == rows
    again = pack(unpack(batch))
    assert torch.equal(again.ids, batch.ids)
    assert torch.equal(again.boundaries, batch.boundaries)


@settings(deadline=None)
@given(rows_of_batches)
def test_shapes(rows: list[list[int]]) -> None:
    batch = pack(rows)
    assert len(batch) == len(rows)
    assert batch.tokens == sum(len(row) for row in rows)
    assert batch.lengths == tuple(len(row) for row in rows)
    assert batch.positions.tolist() == [place for row in rows for place in range(len(row))]
    for number, row in enumerate(rows):
        begin, end = batch.boundaries[number : number + 2].tolist()
        assert batch.ids[begin:end].tolist() == row
    assert batch.boundaries[-1] == batch.tokens
    assert batch.segments is None
    for tensor in (batch.ids, batch.positions, batch.boundaries, batch.samples):
        assert tensor is not None
        assert tensor.dtype == torch.int64


def test_samples_and_segments() -> None:
    batch = pack([[5, 6, 7], [8]], samples=[40, 2], segments=[[0, 1, 1], [0]])
    assert batch.samples is not None
    assert batch.segments is not None
    assert batch.samples.tolist() == [40, 2]
    assert batch.segments.tolist() == [0, 1, 1, 0]
    default = pack([[5, 6, 7], [8]])
    assert default.samples is not None
    assert default.samples.tolist() == [0, 1]


def test_from_flat_equals_pack() -> None:
    flat = from_flat(np.array([5, 6, 7, 8]), [3, 1], [0, 1])
    packed = pack([np.array([5, 6, 7]), [8]])
    for name in ("ids", "positions", "boundaries", "samples"):
        assert torch.equal(getattr(flat, name), getattr(packed, name))


def test_samples_are_copied() -> None:
    """A batch must not change when the caller's array does."""
    samples = np.array([3, 4])
    batch = pack([[1], [2]], samples=samples)
    samples[:] = 9
    assert batch.samples is not None
    assert batch.samples.tolist() == [3, 4]


@pytest.mark.parametrize("segments", [None, [[0, 0], [1]]])
def test_to_moves_every_tensor(segments: list[list[int]] | None) -> None:
    moved = pack([[1, 2], [3]], segments=segments).to("meta")
    for name in ("ids", "positions", "boundaries", "samples"):
        assert getattr(moved, name).device.type == "meta"
    assert (moved.segments is None) == (segments is None)
    assert moved.segments is None or moved.segments.device.type == "meta"
    assert moved.lengths == (2, 1)
