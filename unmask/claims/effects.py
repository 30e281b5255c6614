"""From figures of paired seeds to an effect with its interval, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmask.errors import ConfigError
from unmask.evaluation.seeds import reach_of_mean

Says = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of differences over paired seeds.

    Attributes:
        mean: above zero in favour of the first arm.
        low, high: its 95 % interval by Student's t over seeds; without bounds for a single seed.
        seeds: how many pairs.
        resolves: the smallest difference from `beyond` that an interval of this width tells from
            none: half of the width.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, differences: Sequence[float]) -> Estimate:
        """From the difference of each pair.

        Raises:
            ConfigError: there is no pair.
        """
        if not differences:
            raise ConfigError("an effect needs a seed at which both arms were measured")
        mean, reach = float(np.mean(differences)), reach_of_mean(differences)
        return cls(mean, mean - reach, mean + reach, len(differences))

    @property
    def resolves(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def says(self, beyond: float) -> Says:
        """Whether the effect exceeds that, as far as the interval can tell."""
        if self.low > beyond:
            return "holds"
        return "does not hold" if self.high < beyond else "undecided"


def together(verdicts: Sequence[Says]) -> Says:
    """A claim holds when all its effects do, and does not when one does not."""
    if "does not hold" in verdicts:
        return "does not hold"
    return "holds" if all(one == "holds" for one in verdicts) else "undecided"
