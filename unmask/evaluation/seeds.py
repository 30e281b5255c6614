"""Figures of runs that differ in their seed alone: the mean, and how far it may be off."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmask.evaluation.bootstrap import LEVEL, Difference, Estimate
from unmask.evaluation.ranking import RankingFigure

if TYPE_CHECKING:  # it needs torch, and these figures do not
    from unmask.evaluation.embedding import EmbeddingFigure

__all__ = ["Spread", "numbers_in", "reach_of_mean", "spreads"]

LEAST = 3
"""Seeds that an interval takes."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several seeds.

    Attributes:
        name: of the figure.
        values: one for each seed.
        mean: of them.
        low, high: its 95 % interval by Student's t over the seeds; it says how far the mean of
            more runs like these may be, not what other rows would give. It is not cut to the range
            of the figure. None below `LEAST` seeds: of two, t is 12.7, so that two accuracies of
            0.80 and 0.84 would give 0.57 to 1.07, which says less than the two do.
    """

    name: str
    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> Spread:
        """From one value for each seed."""
        mean = float(np.mean(values))
        if len(values) < LEAST:
            return cls(name, tuple(values), mean, None, None)
        reach = reach_of_mean(values)
        return cls(name, tuple(values), mean, mean - reach, mean + reach)

    def __str__(self) -> str:
        each = " ".join(f"{value:.3f}" for value in self.values)
        if len(self.values) == 1:
            return each
        if len(set(self.values)) == 1:
            return f"{self.mean:.3f} at each seed"
        if self.low is None or self.high is None:
            return f"{self.mean:.3f} ({each}; an interval takes {LEAST} seeds)"
        return f"{self.mean:.3f} (95 % over seeds: {self.low:.3f} to {self.high:.3f}; {each})"


def reach_of_mean(values: Sequence[float]) -> float:
    """How far the mean's 95 % interval reaches to each side, by Student's t; infinite for one."""
    count = len(values)
    if count == 1:
        return math.inf
    from scipy.stats import t

    return float(t.ppf(0.5 + LEVEL / 2, count - 1) * np.std(values, ddof=1) / count**0.5)


def spreads(figures: Sequence[object]) -> tuple[Spread, ...]:
    """Each figure that is defined at all seeds.

    Args:
        figures: of each seed, dataclasses of one class.
    """
    each = [dict(numbers_in(one)) for one in figures]
    names = [name for name in each[0] if all(name in one for one in each)]
    return tuple(Spread.of(name, [one[name] for one in each]) for name in names)


def numbers_in(figures: object) -> Iterator[tuple[str, float]]:
    """Fractions and estimates in a dataclass of figures, by their fields' names.

    Counts, intervals and tables are passed over; of several numbers, each with its figures, the
    number's name stands before theirs.
    """
    assert is_dataclass(figures)
    for field in fields(figures):
        value = getattr(figures, field.name)
        if field.name == "threshold":  # chosen, not measured
            continue
        if isinstance(value, float) and math.isfinite(value):
            yield field.name, value
        elif isinstance(value, Estimate) and value.value is not None:
            yield field.name, value.value
        elif field.name in ("confidence", "ranking", "sure") and value is not None:
            yield from numbers_in(value)
        elif field.name in ("figures", "cut"):  # of rankings and of vectors
            for one in value:
                yield from _named(one, field.name == "cut")
        elif isinstance(value, Difference):
            yield f"{value.figure} gained", value.difference
        elif field.name == "numbers":
            for one in value:
                before = f"{one.name} " if len(value) > 1 else ""
                yield from ((before + name, number) for name, number in numbers_in(one))


def _named(one: RankingFigure | EmbeddingFigure, cut: bool) -> Iterator[tuple[str, float]]:
    """A figure of rankings or of vectors by its name, and that of the model before."""
    if isinstance(one, RankingFigure):
        every = [(one.name, one.mean)]
    else:
        name = f"{one.name} of {one.dimension} numbers" if cut else one.name
        every = [(name, one.value)]
        every += [] if one.before is None else [(f"{name} before", one.before)]
    yield from ((name, found.value) for name, found in every if found.value is not None)
