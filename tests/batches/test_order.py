"""The order of an epoch: every sequence once, the budget kept, nothing to remember."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.draws import Draws
from unmask.batches.order import epoch_batches
from unmask.errors import ConfigError

I64 = npt.NDArray[np.int64]
lengths_of_corpora = st.lists(st.integers(1, 50), max_size=200).map(
    lambda values: np.array(values, dtype=np.int64)
)


def batches_of(
    lengths: I64, budget: int, seed: int = 0, epoch: int = 0, window: int = 4
) -> list[I64]:
    return list(epoch_batches(lengths, budget, Draws(seed, epoch), window))


@settings(max_examples=200, deadline=None)
@given(lengths_of_corpora, st.integers(50, 400), st.integers(0, 9), st.integers(1, 9))
def test_every_sequence_once_within_the_budget(
    lengths: I64, budget: int, epoch: int, window: int
) -> None:
    batches = batches_of(lengths, budget, epoch=epoch, window=window)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert 0 < int(lengths[batch].sum()) <= budget
        assert (np.diff(lengths[batch]) >= 0).all()


@settings(deadline=None)
@given(lengths_of_corpora, st.integers(0, 5), st.integers(0, 5))
def test_a_function_of_seed_and_epoch(lengths: I64, seed: int, epoch: int) -> None:
    first, again = (batches_of(lengths, 60, seed, epoch) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("window", [1, 8])
def test_seeds_and_epochs_shuffle_anew(window: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 500)
    orders = {
        tuple(np.concatenate(batches_of(lengths, 200, seed, epoch, window)).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_batches_are_full_and_of_like_lengths() -> None:
    """What sorting within a window is for: close to the budget, and few lengths in a batch."""
    lengths = np.random.default_rng(0).integers(5, 120, 5000)
    batches = batches_of(lengths, 2048, window=32)
    sums = [int(lengths[batch].sum()) for batch in batches]
    assert np.mean(sums) > 0.95 * 2048
    spreads = [int(np.ptp(lengths[batch])) for batch in batches]
    assert np.median(spreads) < 10


def test_batches_of_a_window_come_in_any_order() -> None:
    """By rising length they would make a curriculum of each window."""
    lengths = np.random.default_rng(0).integers(5, 120, 3000)
    means = [float(lengths[batch].mean()) for batch in batches_of(lengths, 2048, window=32)]
    rising = sum(a < b for a, b in pairwise(means)) / (len(means) - 1)
    assert 0.35 < rising < 0.65


class Recorder(Draws):
    """Notes which stream each shuffle of an epoch comes from."""

    streams: ClassVar[list[int]] = []

    def permutation(self, n: int, stream: int) -> I64:
        self.streams.append(stream)
        return super().permutation(n, stream)


def test_each_shuffle_has_its_own_randomness() -> None:
    """The sequences and every window: a shared stream would shuffle all windows alike."""
    lengths = np.random.default_rng(0).integers(5, 50, 500)
    list(epoch_batches(lengths, 100, Recorder(0, 0), 4))
    assert len(Recorder.streams) == len(set(Recorder.streams)) > 20


def test_what_shares_a_window_is_random() -> None:
    """A sequence meets others in each epoch, also of the same length."""
    lengths = np.full(400, 10)
    neighbours: dict[int, set[int]] = {i: set() for i in range(400)}
    for epoch in range(10):
        for batch in batches_of(lengths, 40, epoch=epoch, window=4):
            for index in batch.tolist():
                neighbours[index] |= set(batch.tolist()) - {index}
    assert min(len(met) for met in neighbours.values()) > 15


def test_a_sequence_longer_than_the_budget_is_an_error() -> None:
    expected = (
        "a batch must hold the longest sequence, but its budget is 40 tokens and the longest has "
        "41; raise the tokens per step or lower the context"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        batches_of(np.array([3, 41, 5]), 40)


def test_an_empty_epoch_has_no_batch() -> None:
    assert batches_of(np.array([], dtype=np.int64), 40) == []
