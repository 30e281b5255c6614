"""Random numbers as a function of place: even, independent, and the same whatever the batching."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from unmask.batches.draws import Draws

SEEDS = (0, 1, 2**40, -5, 2**63)
GRID = np.meshgrid(np.arange(400), np.arange(250), indexing="ij")
PLACES = tuple(axis.ravel() for axis in GRID)


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_is_even(seed: int) -> None:
    """Chi-square over 256 bins of 100,000 draws: for fixed seeds, so it passes always or never."""
    drawn = Draws(seed, 3).uniform(1, *PLACES)
    assert drawn.dtype == np.float64
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    counts = np.bincount((drawn * 256).astype(int), minlength=256)
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


@pytest.mark.parametrize("bit", [0, 1, 11, 31, 32, 62, 63])
def test_every_bit_is_even(bit: int) -> None:
    ones = int(((Draws(7, 0).bits(2, *PLACES) >> np.uint64(bit)) & np.uint64(1)).sum())
    assert stats.binomtest(ones, 100_000).pvalue > 1e-4


def test_neighbours_are_independent() -> None:
    """Along positions, samples, epochs, seeds and streams: pairs fill the square evenly."""
    base = Draws(3, 0).uniform(1, *PLACES)
    samples, positions = PLACES
    others = {
        "position": Draws(3, 0).uniform(1, samples, positions + 1),
        "sample": Draws(3, 0).uniform(1, samples + 1, positions),
        "swapped": Draws(3, 0).uniform(1, positions + 1000, samples + 1000),
        "epoch": Draws(3, 1).uniform(1, *PLACES),
        "seed": Draws(4, 0).uniform(1, *PLACES),
        "seed and epoch": Draws(0, 3).uniform(1, *PLACES),
        "stream": Draws(3, 0).uniform(2, *PLACES),
    }
    for name, other in others.items():
        cells = (base * 16).astype(int) * 16 + (other * 16).astype(int)
        assert stats.chisquare(np.bincount(cells, minlength=256)).pvalue > 1e-4, name


def test_a_draw_depends_on_its_place_alone() -> None:
    samples, positions = (axis[::-7] for axis in PLACES)
    picked = Draws(3, 5).uniform(1, samples, positions)
    assert np.array_equal(picked, Draws(3, 5).uniform(1, *PLACES)[::-7])


def test_known_values() -> None:
    """Pinned, since a change here changes every run that is resumed over it."""
    draws = Draws(0, 0)
    bits = draws.bits(1, np.arange(2), np.arange(2))
    assert [int(b) for b in bits] == [0x3CEEA767ACC0E20D, 0x5F4EF2C13B144E21]
    assert draws.permutation(8, 101).tolist() == [0, 4, 2, 3, 5, 6, 7, 1]


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 2**63 - 1), st.integers(0, 50))
def test_permutation_has_each_number_once(n: int, seed: int, epoch: int) -> None:
    order = Draws(seed, epoch).permutation(n, 1)
    assert sorted(order.tolist()) == list(range(n))


def test_permutations_are_even() -> None:
    """Each of the 24 orders of 4 things, over 4,800 epochs."""
    orders = [tuple(Draws(1, epoch).permutation(4, 1).tolist()) for epoch in range(4800)]
    counts = list({order: orders.count(order) for order in orders}.values())
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4
