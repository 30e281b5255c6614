"""From figures of paired seeds to an effect with its interval, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import LEVEL
from unmask.evaluation.seeds import reach_of_mean

POWER = 0.8
Says = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of differences over paired seeds.

    Attributes:
        mean: above zero in favour of the first arm.
        low, high: its 95 % interval by Student's t over seeds; without bounds for a single seed.
        seeds: how many pairs.
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
        """The distance from `beyond` that four of five such runs would tell from none."""
        reach = (self.high - self.low) / 2
        if self.seeds < 2 or reach == 0.0:
            return reach
        from scipy.stats import t

        most, power = (float(t.ppf(share, self.seeds - 1)) for share in (0.5 + LEVEL / 2, POWER))
        return reach * (1 + power / most)

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
