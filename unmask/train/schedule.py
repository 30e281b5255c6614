"""Learning rate as a share of its peak, by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from unmask.errors import ConfigError

Shape = Literal["wsd", "linear", "cosine"]


def _wsd(after: float, decay: float) -> float:
    """Stable, then one minus a square root (Hägele et al. 2024; ModernBERT's decay)."""
    begin = 1.0 - decay
    return 1.0 if after <= begin else 1.0 - math.sqrt((after - begin) / decay)


SHAPES: dict[Shape, Callable[[float, float], float]] = {
    "wsd": _wsd,
    "linear": lambda after, _: 1.0 - after,
    "cosine": lambda after, _: 0.5 * (1.0 + math.cos(math.pi * after)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Warm-up, then one of three shapes down to zero.

    Attributes:
        shape: "wsd" (warm-up, stable, decay), "linear" or "cosine".
        warmup: share of all steps over which the rate rises from zero.
        decay: share of the steps after warm-up over which "wsd" falls.
    """

    shape: Shape = "wsd"
    warmup: float = 0.03
    decay: float = 0.4

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise ConfigError(
                f"the schedule must be one of {', '.join(get_args(Shape))}, not {self.shape!r}"
            )
        if not (0.0 <= self.warmup < 1.0 and 0.0 < self.decay <= 1.0):
            raise ConfigError(
                "warmup must lie in [0, 1) and decay in (0, 1], as shares of the run, not be "
                f"{self.warmup} and {self.decay}"
            )

    def scale(self, step: int, total: int) -> float:
        """Share of the peak rate for step `step` of `total`, counted from 0; never 0 itself."""
        rising = self.warmup * total
        if step + 1 <= rising:
            return (step + 1) / rising
        after = (step + 0.5 - rising) / (total - rising)
        return SHAPES[self.shape](min(max(after, 0.0), 1.0), self.decay)
