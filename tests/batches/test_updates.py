"""Batches of as many rows each: all rows once, none too small, and an order that is a function."""

from __future__ import annotations

import pytest

from unmask.batches.order import shortest_first
from unmask.batches.pack import unpack
from unmask.batches.updates import Updates

ROWS = [[1, *[5] * (number % 7), 2] for number in range(50)]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [(50, {50}), (16, {16, 17}), (17, {16, 17}), (99, {50}), (1, {1}), (33, {25})],
)
def test_all_rows_once_in_batches_of_one_size(size: int, sizes: set[int]) -> None:
    source = Updates(ROWS, size, seed=3)
    batches = list(source.epoch(0))
    assert {len(batch) for batch in batches} == sizes
    assert len(batches) == source.count == source.steps(1)
    samples = [int(n) for batch in batches for n in batch.samples]  # type: ignore[union-attr]
    assert sorted(samples) == list(range(50))
    assert [row for batch in batches for row in unpack(batch)] == [ROWS[n] for n in samples]


def test_the_order_follows_from_seed_and_epoch() -> None:
    def order(seed: int, epoch: int, first: int = 0) -> list[list[int]]:
        batches = Updates(ROWS, 16, seed).epoch(epoch, first)
        return [batch.samples.tolist() for batch in batches]  # type: ignore[union-attr]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(1, 0, 2) == order(1, 0)[2:]
    # Not sorted by length: what shares a batch is random.
    lengths = [[len(ROWS[n]) for n in batch] for batch in order(1, 0)]
    assert all(one != sorted(one) for one in lengths)


def test_shortest_first_fills_batches() -> None:
    assert list(shortest_first([5, 2, 9, 2, 1], 5)) == [[4, 1, 3], [0], [2]]
    assert list(shortest_first([], 5)) == []
