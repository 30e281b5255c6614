"""Rotary positions and kinds of layers, as published configs say them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from unmask.arch.published import Positive

LayerType = Literal["full_attention", "sliding_attention"]


class RopeParameters(BaseModel):
    """Rotary positions of one kind of layer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rope_theta: Positive
    rope_type: Literal["default"] = "default"


def checked_base(fields: dict[str, Any], name: str, default: float) -> float:
    """Take a base of rotary positions out of fields of the previous format.

    Its type counts even where the current format's field is there too and counts instead.

    Raises:
        ValueError: it is no positive number.
    """
    base = fields.pop(name, default)
    if isinstance(base, bool) or not isinstance(base, int | float) or not base > 0:
        raise ValueError(f"{name}={base!r}: it must be a positive number")
    return base
