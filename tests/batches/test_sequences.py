"""Documents cut to the context: nothing is lost but what the caller chose to lose, counted."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.sequences import OnLong, sequences_of
from unmask.errors import ConfigError, TooLong

I64 = npt.NDArray[np.int64]
documents = st.lists(st.integers(0, 60), max_size=30)
rooms = st.integers(1, 40)


def offsets_of(sizes: list[int]) -> I64:
    return np.cumsum([0, *sizes])


def spans(sizes: list[int], room: int, on_long: OnLong) -> list[tuple[int, int]]:
    found = sequences_of(offsets_of(sizes), room, on_long)
    return [(int(s), int(s + n)) for s, n in zip(found.starts, found.lengths, strict=True)]


@settings(deadline=None)
@given(documents, rooms)
def test_chunk_loses_nothing(sizes: list[int], room: int) -> None:
    """Every token once, in order; a sequence is of one document, and none is cut needlessly."""
    found = spans(sizes, room, "chunk")
    assert [t for begin, end in found for t in range(begin, end)] == list(range(sum(sizes)))
    assert all(0 < end - begin <= room for begin, end in found)
    assert set(offsets_of(sizes).tolist()) <= {0, *(end for _, end in found)}
    assert len(found) == sum(-(-size // room) for size in sizes)


@settings(deadline=None)
@given(st.integers(1, 500), rooms)
def test_chunks_of_a_document_are_about_equal(size: int, room: int) -> None:
    lengths = [end - begin for begin, end in spans([size], room, "chunk")]
    assert max(lengths) - min(lengths) <= 1


@settings(deadline=None)
@given(documents, rooms)
def test_truncate_keeps_heads_and_counts_the_rest(sizes: list[int], room: int) -> None:
    found = sequences_of(offsets_of(sizes), room, "truncate")
    starts = offsets_of(sizes)[:-1]
    expected = [(int(s), min(n, room)) for s, n in zip(starts, sizes, strict=True) if n]
    assert list(zip(found.starts.tolist(), found.lengths.tolist(), strict=True)) == expected
    assert found.tokens_cut == sum(sizes) - int(found.lengths.sum())
    assert found.long_documents == sum(size > room for size in sizes)


@settings(deadline=None)
@given(documents, rooms)
def test_all_three_agree_where_everything_fits(sizes: list[int], room: int) -> None:
    sizes = [min(size, room) for size in sizes]
    found = [spans(sizes, room, on_long) for on_long in ("chunk", "truncate", "error")]
    assert found[0] == found[1] == found[2]


def test_counts_of_chunk() -> None:
    found = sequences_of(offsets_of([3, 9, 4, 10]), 4, "chunk")
    assert (len(found), found.long_documents, found.tokens_cut) == (8, 2, 0)


def test_error_says_how_many_and_how_long() -> None:
    expected = (
        "a text may have at most 4 tokens beside the special ones, but 2 texts have more, the "
        "longest 10; pass --on-long chunk to split them or truncate to keep their beginnings"
    )
    with pytest.raises(TooLong, match=f"^{re.escape(expected)}$"):
        sequences_of(offsets_of([3, 9, 4, 10]), 4, "error")


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(ConfigError, match="chunk, truncate, error, not 'split'"):
        sequences_of(offsets_of([3]), 4, "split")  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [0, -2])
def test_no_room_is_an_error(room: int) -> None:
    with pytest.raises(ConfigError, match=f"room for text, but {room} tokens are left"):
        sequences_of(offsets_of([3]), room, "chunk")
