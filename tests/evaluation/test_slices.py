"""Figures of parts of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.errors import DataError
from unmask.evaluation.slices import by_length, by_name, means


def test_slices_by_name_stand_in_the_order_asked_for() -> None:
    found = by_name(["b", "a", "b", "b"], ("a", "never", "b"), means([True, False, True, False]))
    assert [(one.name, one.rows) for one in found] == [("a", 1), ("b", 3)]
    assert [one.value.value for one in found] == pytest.approx([0.0, 2 / 3])
    assert found[1].value.interval is not None
    assert (found[1].value.interval.low, found[1].value.interval.high) == (0.0, 1.0)


def test_slices_by_length_double() -> None:
    right = means([True, True, False, True, True, False])
    found = by_length([1, 16, 17, 32, 33, 200], right)
    assert [(one.name, one.rows) for one in found] == [
        ("up to 16", 2), ("17 to 32", 2), ("33 to 64", 1), ("129 to 256", 1),
    ]  # fmt: skip
    assert [one.value.value for one in found] == [1.0, 0.5, 1.0, 0.0]


def test_no_rows_are_no_slices_and_odd_ones_are_refused() -> None:
    assert by_length([], means([])) == by_name([], ("a",), means([])) == ()
    with pytest.raises(DataError, match="one is in 'b'"):
        by_name(["a", "b"], ("a",), means([1, 0]))


def test_rows_that_are_alike_and_rows_that_are_not_scatter_alike() -> None:
    dice = np.random.default_rng(0)
    flat = dice.integers(0, 2, 400).astype(np.float64)
    # A little noise makes all values different, so that each row is drawn by itself.
    both = [means(values)(range(400)) for values in (flat, flat + dice.normal(0, 1e-6, 400))]
    for one in both:
        assert one.interval is not None
        assert one.interval.high - one.interval.low == pytest.approx(4 * 0.5 / 20, rel=0.15)
