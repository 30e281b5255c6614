"""Settings as dataclasses, from TOML and back. An unknown key is an error that names the nearest.

Only what the settings of this package need is served: nested dataclasses, numbers, strings,
booleans, tuples of one type, `Literal` words, and `None` where a field allows it.
"""

from __future__ import annotations

import math
import tomllib
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from unmask.errors import ConfigError

T = TypeVar("T")


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """A settings dataclass from nested mappings, every value checked against its field's type.

    Args:
        where: dotted path of this part, for messages.

    Raises:
        ConfigError: an unknown key, a missing one, or a value of another type.
    """
    hints = get_type_hints(cls)
    known = {field.name: field for field in fields(cls) if field.init}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise ConfigError(
                f"unknown setting {_dotted(where, key)!r}{hint}. Known here: {', '.join(known)}"
            )
    arguments: dict[str, Any] = {}
    for name, field in known.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], _dotted(where, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"the setting {_dotted(where, name)!r} is required and missing")
    return cls(**arguments)


def from_toml(cls: type[T], path: Path | str) -> T:
    """A settings dataclass from a TOML file.

    Raises:
        ConfigError: not TOML, or see `from_mapping`.
    """
    return from_mapping(cls, read_toml(path))


def read_toml(path: Path | str) -> dict[str, Any]:
    """A TOML file as nested mappings.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} must be TOML, but: {error}") from None


def read_recipe(
    path: Path | str | None, settings: object = None, short: Collection[str] = ()
) -> dict[str, Any]:
    """A recipe's table, over which options go; empty where there is no recipe.

    Args:
        path: its TOML file, or None.
        settings: what is given beside it and says everything already, or None.
        short: names of options that are given as well.

    Raises:
        ConfigError: something is given beside `settings`; or see `read_toml`.
    """
    beside = [] if path is None else [f"config={str(path)!r}"]
    if settings is not None and (beside := [*beside, *short]):
        raise ConfigError(
            f"settings says all of the run, but {', '.join(beside)} is given as well; leave one "
            "of them out"
        )
    return {} if path is None else read_toml(path)


def to_mapping(settings: Any) -> dict[str, Any]:
    """A settings dataclass as nested mappings of plain values; `None` is left out, as in TOML."""
    result: dict[str, Any] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is None:
            continue
        if is_dataclass(value):
            value = to_mapping(value)
        elif isinstance(value, tuple):
            value = list(value)
        result[field.name] = value
    return result


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings with those of `over` on top."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        nested = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merge(below, value) if nested else value  # type: ignore[arg-type]
    return result


def parse_assignments(assignments: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """`["optim.lr=0.003"]` to nested mappings; the right side is a TOML value, else text.

    Raises:
        ConfigError: no equals sign.
    """
    result: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set takes KEY=VALUE, such as optim.lr=0.003, not {assignment!r}")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            value = text
        nested: dict[str, Any] = {}
        spot = nested
        *parents, last = path.split(".")
        for parent in parents:
            spot = spot.setdefault(parent, {})
        spot[last] = value
        result = merge(result, nested)
    return result


def _dotted(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _convert(hint: Any, value: Any, where: str) -> Any:
    """One value checked against one type hint."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        if value is None and len(options) < len(get_args(hint)):
            return None
        for option in options[:-1]:
            try:
                return _convert(option, value, where)
            except ConfigError:
                continue
        return _convert(options[-1], value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        if is_dataclass(value):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a table of settings, not {value!r}")
        return from_mapping(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, not {value!r}")
        inner = get_args(hint)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value):
            raise ConfigError(f"{where} must have {len(kinds)} values, not {len(value)}")
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint is Any:
        return value
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a table, not {value!r}")
        inner = get_args(hint)[1]
        return {str(key): _convert(inner, item, f"{where}.{key}") for key, item in value.items()}
    if origin is Literal:
        if value not in get_args(hint):
            raise ConfigError(
                f"{where} must be one of {', '.join(map(str, get_args(hint)))}, not {value!r}"
            )
        return value
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    """A number, a word, a truth value or a path. A whole number serves for a fraction."""
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # No setting means anything by them, comparisons let NaN pass, and JSON, in which a run keeps
    # its settings, has neither.
    if hint is float and isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(
            f"{where} must be a finite number, not {value}; give one, or leave it out"
        )
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if type(value) is hint:
        return value
    raise ConfigError(f"{where} must be of type {hint.__name__}, not {value!r}")
