"""How a message shows a value."""

from __future__ import annotations

import pytest

from unmask.errors import shown


@pytest.mark.parametrize(
    ("value", "most", "expected"),
    [
        ("a" * 78, 80, repr("a" * 78)),
        ("a" * 79, 80, "'" + "a" * 76 + "..."),
        ([1, 2, 3], 9, "[1, 2, 3]"),
        ([1, 2, 3], 8, "[1, 2..."),
        (None, 80, "None"),
    ],
)
def test_a_long_value_is_cut_and_says_so(value: object, most: int, expected: str) -> None:
    assert shown(value, most) == expected
    assert len(expected) <= most
