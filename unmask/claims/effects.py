"""From figures of paired seeds to an effect with its interval, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmask.errors import ConfigError

Says = Literal["holds", "does not hold", "undecided"]
LEVEL = 0.95


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
        mean, count = float(np.mean(differences)), len(differences)
        if count == 1:
            return cls(mean, -np.inf, np.inf, 1)
        from scipy.stats import t

        reach = float(t.ppf(0.5 + LEVEL / 2, count - 1) * np.std(differences, ddof=1) / count**0.5)
        return cls(mean, mean - reach, mean + reach, count)

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
