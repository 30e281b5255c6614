"""Settings from TOML and back: every key known, every value of its type, nothing guessed."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.config import (
    from_mapping,
    from_toml,
    merge,
    parse_assignments,
    read_recipe,
    read_toml,
    to_mapping,
)
from unmask.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.5
    shape: Literal["wsd", "linear"] = "wsd"
    pair: tuple[float, float] = (0.9, 0.98)


@dataclass(frozen=True, kw_only=True)
class Outer:
    steps: int
    name: str = "run"
    quick: bool = False
    limit: int | None = None
    where: Path | None = None
    words: tuple[str, ...] = ()
    size: int | str = 3
    inner: Inner = field(default_factory=Inner)
    derived: int = field(default=7, init=False)


def read(**values: Any) -> Outer:
    return from_mapping(Outer, {"steps": 1} | values)


def test_defaults_and_values() -> None:
    assert read() == Outer(steps=1)
    made = read(
        name="a", quick=True, limit=4, where="x/y", words=["p", "q"], size="big",
        inner={"rate": 2, "shape": "linear", "pair": [0, 1.5]},
    )  # fmt: skip
    assert made == Outer(
        steps=1, name="a", quick=True, limit=4, where=Path("x/y"), words=("p", "q"), size="big",
        inner=Inner(rate=2.0, shape="linear", pair=(0.0, 1.5)),
    )  # fmt: skip
    assert type(made.inner.rate) is float
    assert type(made.inner.pair[0]) is float


def test_an_inner_dataclass_may_be_given_ready_made() -> None:
    inner = Inner(rate=3.0)
    assert read(inner=inner).inner is inner


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"stesp": 3},
            "unknown setting 'stesp'; the nearest is 'steps'. Known here: steps, name, quick, "
            "limit, where, words, size, inner",
        ),
        (
            {"inner": {"shpae": "wsd"}},
            "unknown setting 'inner.shpae'; the nearest is 'shape'. Known here: rate, shape, pair",
        ),
        (
            {"inner": {"zzz": 1}},
            "unknown setting 'inner.zzz'. Known here: rate, shape, pair",
        ),
        ({"name": 3}, "name must be of type str, not 3"),
        ({"steps": "3"}, "steps must be of type int, not '3'"),
        ({"steps": 3.0}, "steps must be of type int, not 3.0"),
        ({"steps": True}, "steps must be of type int, not True"),
        ({"quick": 1}, "quick must be of type bool, not 1"),
        ({"name": None}, "name must be of type str, not None"),
        ({"limit": "4"}, "limit must be of type int, not '4'"),
        ({"words": "abc"}, "words must be a list, not 'abc'"),
        ({"words": ["a", 2]}, "words must be of type str, not 2"),
        ({"inner": 3}, "inner must be a table of settings, not 3"),
        ({"inner": {"rate": "x"}}, "inner.rate must be of type float, not 'x'"),
        (
            {"inner": {"rate": float("nan")}},
            "inner.rate must be a finite number, not nan; give one, or leave it out",
        ),
        (
            {"inner": {"pair": [0.9, float("-inf")]}},
            "inner.pair must be a finite number, not -inf; give one, or leave it out",
        ),
        ({"inner": {"rate": True}}, "inner.rate must be of type float, not True"),
        ({"inner": {"pair": [1.0]}}, "inner.pair must have 2 values, not 1"),
        ({"inner": {"shape": "step"}}, "inner.shape must be one of wsd, linear, not 'step'"),
        ({"inner": {"shape": ["wsd"]}}, "inner.shape must be one of wsd, linear, not ['wsd']"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(**values)


def test_a_field_that_is_not_set_by_callers_is_unknown() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'derived'"):
        read(derived=3)


def test_a_required_setting_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"^the setting 'steps' is required and missing$"):
        from_mapping(Outer, {})


names = st.text(string.printable, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
outers = st.builds(
    Outer,
    steps=st.integers(-(2**62), 2**62),
    name=names,
    quick=st.booleans(),
    limit=st.none() | st.integers(0, 9),
    where=st.none() | st.sampled_from([Path("a/b"), Path(".")]),
    words=st.lists(names, max_size=4).map(tuple),
    size=st.integers(0, 9) | names,
    inner=st.builds(
        Inner,
        rate=numbers,
        shape=st.sampled_from(["wsd", "linear"]),
        pair=st.tuples(numbers, numbers),
    ),
)


def toml_of(values: dict[str, Any], where: str = "") -> str:
    """Just enough of a TOML writer: scalars and lists first, tables after."""

    def literal(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return f"[{', '.join(map(literal, value))}]"
        if isinstance(value, str | Path):
            escaped = "".join(
                c if c.isalnum() or c == " " else f"\\u{ord(c):04x}" for c in str(value)
            )
            return f'"{escaped}"'
        return repr(value)

    plain = {k: v for k, v in values.items() if not isinstance(v, dict)}
    tables = {k: v for k, v in values.items() if isinstance(v, dict)}
    lines = [f"{key} = {literal(value)}\n" for key, value in plain.items()]
    for key, table in tables.items():
        lines.append(f"[{where}{key}]\n{toml_of(table, f'{where}{key}.')}")
    return "".join(lines)


@settings(deadline=None)
@given(outers)
def test_round_trip_through_a_mapping(settings: Outer) -> None:
    mapping = to_mapping(settings)
    mapping.pop("derived")
    assert from_mapping(Outer, mapping) == settings


@settings(deadline=None)
@given(outers)
def test_round_trip_through_toml(tmp_path_factory: pytest.TempPathFactory, settings: Outer) -> None:
    mapping = to_mapping(settings)
    mapping.pop("derived")
    path = tmp_path_factory.mktemp("config") / "settings.toml"
    path.write_text(toml_of(mapping), encoding="utf-8")
    assert from_toml(Outer, path) == settings


def test_none_is_left_out_of_a_mapping() -> None:
    assert "limit" not in to_mapping(read())
    assert to_mapping(read(limit=3))["limit"] == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        read_toml(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("content", [b"steps = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.toml must be TOML, but: "):
        read_toml(path)


def test_a_recipe_or_settings(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[optim]\nlr = 0.1\n")
    assert read_recipe(path) == {"optim": {"lr": 0.1}}
    assert read_recipe(None) == read_recipe(None, object()) == {}
    with pytest.raises(ConfigError, match=r"settings says all .* but config='.*r\.toml' is given"):
        read_recipe(path, object())
    with pytest.raises(ConfigError, match="settings says all of the run, but epochs, lr is given"):
        read_recipe(None, object(), {"epochs": 3, "lr": 0.1})


def test_merge_goes_into_tables() -> None:
    base = {"a": 1, "t": {"x": 1, "y": {"z": 2}}, "l": [1, 2]}
    over = {"t": {"y": {"w": 3}}, "l": [5], "n": {"m": 1}}
    expected = {"a": 1, "t": {"x": 1, "y": {"z": 2, "w": 3}}, "l": [5], "n": {"m": 1}}
    assert merge(base, over) == expected
    assert base["t"] == {"x": 1, "y": {"z": 2}}


def test_a_table_may_replace_a_value_and_the_other_way_round() -> None:
    assert merge({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
    assert merge({"a": {"b": 2}}, {"a": 1}) == {"a": 1}


def test_assignments() -> None:
    given = ["optim.lr=0.003", "optim.betas=[0.9, 0.95]", "steps=5", "quick=true", "name=tiny run"]
    assert parse_assignments(given) == {
        "optim": {"lr": 0.003, "betas": [0.9, 0.95]},
        "steps": 5,
        "quick": True,
        "name": "tiny run",
    }
    assert parse_assignments(["name=a=b"]) == {"name": "a=b"}
    assert parse_assignments(['name="3"']) == {"name": "3"}
    assert parse_assignments(["lr=1", "lr=2"]) == {"lr": 2}


@pytest.mark.parametrize("assignment", ["optim.lr", "=3"])
def test_an_assignment_needs_both_sides(assignment: str) -> None:
    with pytest.raises(ConfigError, match=f"KEY=VALUE, such as optim.lr=0.003, not '{assignment}'"):
        parse_assignments([assignment])
