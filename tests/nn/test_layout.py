"""Blocks hold every row once, and no sequence lies across two of them."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.nn.layout import STEP, Blocks, Layout, visible

CPU = torch.device("cpu")
lengths_of_batches = st.lists(st.integers(1, 300), min_size=1, max_size=60).map(tuple)


@settings(deadline=None)
@given(lengths_of_batches, st.integers(0, 63), st.integers(1, 4))
def test_blocks_hold_every_row_once(lengths: tuple[int, ...], extra: int, heads: int) -> None:
    used = sum(lengths)
    blocks = Blocks.of(lengths, used + extra, CPU)
    assert blocks.rows.shape == blocks.sequence.shape == blocks.place.shape
    assert blocks.rows.shape[1] == blocks.size
    assert blocks.size % STEP == 0
    slots = blocks.slots[:used]
    assert len(slots.unique()) == used
    assert torch.equal(blocks.rows.flatten()[slots], torch.arange(used))
    sequence = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    assert torch.equal(blocks.sequence.flatten()[slots].long(), sequence)
    assert int((blocks.sequence >= 0).sum()) == used
    assert torch.equal(blocks.sequence < 0, blocks.place < 0)
    for number, rows in enumerate(torch.split(slots, list(lengths))):
        assert len((rows // blocks.size).unique()) == 1
        places = blocks.place.flatten()[rows]
        assert places.tolist() == list(range(lengths[number]))


@settings(deadline=None)
@given(lengths_of_batches, st.integers(0, 63), st.integers(1, 4))
def test_head_indices_are_inverse(lengths: tuple[int, ...], extra: int, heads: int) -> None:
    used = sum(lengths)
    blocks = Blocks.of(lengths, used + extra, CPU)
    count = blocks.rows.numel() * heads
    there, back = blocks.head_rows(heads), blocks.head_slots(heads)
    assert there.shape == (count,)
    assert back.shape == ((used + extra) * heads,)
    assert torch.equal(there[back[: used * heads]], torch.arange(used * heads))


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=12).map(tuple),
    st.none() | st.integers(0, 50),
    st.booleans(),
)
def test_mask_is_of_one_sequence_and_window(
    lengths: tuple[int, ...], window: int | None, causal: bool
) -> None:
    blocks = Blocks.of(lengths, sum(lengths), CPU)
    mask = blocks.mask(window, causal, torch.float32)
    assert mask is blocks.mask(window, causal, torch.float32)
    seen = mask[:, 0] == 0
    assert torch.equal(~seen, mask[:, 0].isneginf())
    assert seen.any(-1).all(), "a slot that sees nothing has a softmax of nothing"
    expected = sum(
        int(visible(torch.arange(n)[:, None], torch.arange(n), window, causal).sum())
        for n in lengths
    )
    real = blocks.sequence >= 0
    assert int((seen & real[:, :, None]).sum()) == int((seen & real[:, None]).sum()) == expected


def test_equal_lengths_waste_little() -> None:
    """Sequences of one length, as training batches have them, nearly fill their blocks, and blocks
    stay about as small as the sequences, for their cost grows with the square."""
    for length in (8, 25, 60, 64, 100, 128, 200):
        lengths = (length,) * (2048 // length)
        blocks = Blocks.of(lengths, sum(lengths), CPU)
        assert blocks.rows.numel() < 1.5 * sum(lengths), length
        assert blocks.size <= max(length + STEP, 2 * STEP), length


def test_runs_and_sizes() -> None:
    layout = Layout((3, 3, 5, 3), torch.tensor([0, 3, 6, 11, 14]), 16)
    assert layout.runs == ((2, 3), (1, 5), (1, 3))
    assert layout.sizes == (6, 5, 3, 2)
    assert layout.used == 14
    assert layout.blocks is layout.blocks


def test_visible() -> None:
    place = torch.arange(4)
    assert visible(place[:, None], place, None, False).all()
    assert visible(place[:, None], place, None, True).int().tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]
    assert visible(place[:, None], place, 1, False).int().tolist() == [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [0, 1, 1, 1],
        [0, 0, 1, 1],
    ]
    assert visible(place[:, None], place, 1, True).int().tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 1],
    ]
