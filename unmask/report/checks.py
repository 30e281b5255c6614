"""Checks that dataclasses of figures run when made, so that an error points at its maker."""

from __future__ import annotations

import math

from unmask.errors import ConfigError


def finite(owner: object, *names: str) -> None:
    """Each named field is a finite number, or None.

    Raises:
        ConfigError: names the class, the field and the value.
    """
    for name in names:
        value = getattr(owner, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong(owner, name, value, "must be a plain number", "Convert it with float().")
        if not math.isfinite(value):
            raise _wrong(
                owner,
                name,
                value,
                "must be finite",
                "Leave such a figure out and count it instead.",
            )


def amounts(owner: object, *names: str) -> None:
    """Each named field is a finite number of at least 0, or None."""
    finite(owner, *names)
    for name in names:
        value = getattr(owner, name)
        if value is not None and value < 0:
            raise _wrong(owner, name, value, "must be at least 0", "Check how it was measured.")


def counts(owner: object, *names: str) -> None:
    """Each named field is a whole number of at least 0, or None."""
    for name in names:
        value = getattr(owner, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(owner, name, value, "must be a whole number", "Convert it with int().")
        if value < 0:
            raise _wrong(owner, name, value, "must be at least 0", "Count again.")


def shares(owner: object, *names: str) -> None:
    """Each named field is a number from 0 to 1, or None."""
    finite(owner, *names)
    for name in names:
        value = getattr(owner, name)
        if value is not None and not 0 <= value <= 1:
            raise _wrong(owner, name, value, "must lie between 0 and 1", "Divide percents by 100.")


def _wrong(owner: object, name: str, value: object, rule: str, remedy: str) -> ConfigError:
    return ConfigError(f"{type(owner).__name__}.{name} {rule}, and is {value!r}. {remedy}")
