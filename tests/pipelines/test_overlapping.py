"""Rows that overlap: every token is read once, where it has most context."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError, TooLong
from unmask.pipelines.overlapping import FitOverlapping, Overlapping
from unmask.tokens.layout import Layout, PairLayout

LAYOUT = Layout((101, 102), (103,), PairLayout((), (), (), ((),) * 5))


def fitted(size: int, context: int, on_long: OnLong = "chunk") -> Overlapping:
    return FitOverlapping(LAYOUT, context, on_long)(range(size), 5)


@pytest.mark.parametrize("context", [4, 5, 11, 35])
@pytest.mark.parametrize("size", [0, 1, 8, 9, 32, 33, 100, 1000])
def test_every_token_is_read_once(size: int, context: int) -> None:
    found = fitted(size, context)
    pieces = np.arange(size)
    read = []
    for row, places in zip(found.rows, found.read_in(pieces), strict=True):
        assert len(row) <= context
        assert row[:2] == [101, 102]
        assert row[-1] == 103
        read += [row[place] for place in places]
    assert read == list(range(size))
    assert (found.tokens, found.truncated) == (size + 3, False)


def test_it_is_read_where_it_has_most_context() -> None:
    room, size = 32, 500
    found = fitted(size, room + 3)
    assert {len(row) for row in found.rows} == {room + 3}
    for number, (begin, places) in enumerate(
        zip(found.begins, found.read_in(np.arange(size)), strict=True)
    ):
        for token in (place - 2 + begin for place in places):

            def context(begin: int, token: int = token) -> int:
                before = token - begin if begin else size
                after = begin + room - 1 - token if begin + room < size else size
                return min(before, after)

            assert context(begin) >= max(map(context, found.begins)) - 1
            assert context(begin) >= room // 8 - 1
        assert number == 0 or begin < found.begins[number - 1] + room


def test_only_some_tokens_are_asked_for() -> None:
    found = fitted(20, 13)
    pieces = np.array([0, 9, 10, 19])
    rows = [
        [row[place] for place in places]
        for row, places in zip(found.rows, found.read_in(pieces), strict=True)
    ]
    assert [token for row in rows for token in row] == pieces.tolist()


def test_cut_texts_read_their_beginning() -> None:
    found = fitted(20, 13, "truncate")
    (places,) = found.read_in(np.array([0, 9, 10, 19]))
    assert places.tolist() == [2, 11]
    assert (found.tokens, found.truncated) == (23, True)


def test_error_names_the_text() -> None:
    with pytest.raises(TooLong, match=r"text 5 \(counted from 0\) has 23"):
        fitted(20, 13, "error")
    with pytest.raises(ConfigError, match="on_long"):
        fitted(20, 13, "cut")  # type: ignore[arg-type]
