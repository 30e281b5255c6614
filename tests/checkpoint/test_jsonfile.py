"""JSON is read strictly, written exactly, and every refusal says where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.checkpoint.jsonfile import (
    DEPTH,
    LIMIT,
    parse_json,
    read_json,
    render_json,
    write_json,
)
from unmask.errors import CheckpointError, CorruptCheckpoint

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    back = parse_json(render_json(value), "x")
    assert repr(back) == repr(value)  # tells 1 from 1.0 and 0.0 from -0.0


def test_a_file_comes_back_with_its_order(tmp_path: Path) -> None:
    value = {"z": 1, "a": ["ä", None, True, -0.0, 1e-320]}
    write_json(tmp_path / "a.json", value)
    assert repr(read_json(tmp_path / "a.json")) == repr(value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "z": 1,')
    assert "ä" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        (b'[{"x": {"b": 1, "b": 1}}]', "the key 'b' stands twice"),
        (b"[NaN]", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"[1e999]", "1e999 is too large"),
        (b"[" * (DEPTH + 2) + b"]" * (DEPTH + 2), f"deeper than {DEPTH}"),
        (b"[" * 200_000, f"deeper than {DEPTH}"),
        (b'{"a": ' * 200_000, f"deeper than {DEPTH}"),
        (b'{"a": 1', "line 1 column"),
        (b"", "line 1 column 1"),
        (b'"\xff"', "can't decode byte 0xff"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"9" * 5000, "digits"),
        (b'{"a": 1}\0\0\0', "Extra data"),
    ],
)
def test_what_is_no_strict_json_is_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match=r"odd\.json is not strict JSON") as caught:
        read_json(path)
    assert reason in str(caught.value)


def test_the_allowed_depth_is_read_and_written() -> None:
    value: Any = 1
    for _ in range(DEPTH):
        value = [value]
    assert parse_json(render_json(value), "x") == value
    with pytest.raises(CheckpointError, match=f"deeper than {DEPTH}"):
        render_json([value])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": {1: 2}}, r"\$\.a has the key 1"),
        ({"a": [0.0, float("nan")]}, r"\$\.a\[1\] is nan"),
        ([float("inf")], r"\$\[0\] is inf"),
        ({"a": {1, 2}}, r"\$\.a is of type set"),
        (["\ud800"], "surrogates not allowed"),
        ([10**5000], "cannot be written"),
    ],
)
def test_what_json_cannot_hold_is_refused(value: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=reason):
        write_json(tmp_path / "a.json", value)
    assert os.listdir(tmp_path) == []


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.json cannot be read") as caught:
        read_json(tmp_path / "none.json")
    assert not isinstance(caught.value, CorruptCheckpoint)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(CorruptCheckpoint, match="not a regular file"):
        read_json(tmp_path / "pipe.json")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(LIMIT + 1)  # a hole: takes no room on the disk
    with pytest.raises(CorruptCheckpoint, match="more than 268,435,456 bytes"):
        read_json(tmp_path / "huge.json")
