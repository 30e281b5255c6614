"""Accuracy on parts of the rows."""

from __future__ import annotations

import pytest

from unmask.errors import DataError
from unmask.evaluation.slices import by_length, by_name


def test_slices_by_name_stand_in_the_order_asked_for() -> None:
    found = by_name(["b", "a", "b", "b"], [True, False, True, False], ("a", "never", "b"))
    assert [(one.name, one.rows) for one in found] == [("a", 1), ("b", 3)]
    assert [one.accuracy.value for one in found] == pytest.approx([0.0, 2 / 3])
    assert found[1].accuracy.interval is not None
    assert (found[1].accuracy.interval.low, found[1].accuracy.interval.high) == (0.0, 1.0)


def test_slices_by_length_double() -> None:
    found = by_length([1, 16, 17, 32, 33, 200], [True, True, False, True, True, False])
    assert [(one.name, one.rows) for one in found] == [
        ("up to 16", 2), ("17 to 32", 2), ("33 to 64", 1), ("129 to 256", 1),
    ]  # fmt: skip
    assert [one.accuracy.value for one in found] == [1.0, 0.5, 1.0, 0.0]


def test_no_rows_are_no_slices_and_odd_ones_are_refused() -> None:
    assert by_length([], []) == by_name([], [], ("a",)) == ()
    with pytest.raises(DataError, match="2 names and 1 guesses"):
        by_name(["a", "b"], [True], ("a",))
