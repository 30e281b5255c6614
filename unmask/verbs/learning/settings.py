"""The settings of the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ObjectiveName = Literal["mlm", "clm", "elmo"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveSettings:
    """Attributes:
    name: what is learnt. "mlm" predicts hidden tokens; "clm" the next token; "elmo" the next and
        the previous one. None for what the architecture is for.
    """

    name: ObjectiveName | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskSettings:
    """Attributes:
    rate: share of tokens selected; `final_rate` that at the end, if it is to change. "clm" and
        "elmo" have no masks, and refuse settings of this room.
    masked, random: what becomes of the selected; the rest is kept.
    """

    rate: float = 0.15
    final_rate: float | None = None
    masked: float = 0.8
    random: float = 0.1
