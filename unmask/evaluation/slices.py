"""Figures of parts of the rows: those that share a name, and those of about the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64, RESAMPLES, Estimate, resample

FEW = 10  # rows below which an interval by bootstrap is not worth showing
SHORTEST = 16  # tokens of the first part by length; each further one reaches twice as far
ALIKE = 4  # rows of a value, on average, from which they are drawn together
FEW_VALUES = 6  # different numbers that each make a slice

Measure = Callable[[Sequence[int]], Estimate]
"""The places of some rows to a figure of them, with its interval by bootstrap over them."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows.

    Attributes:
        name: what they have in common.
        rows: how many.
        value: a figure of them, such as the share that is right.
    """

    name: str
    rows: int
    value: Estimate


def means(values: Sequence[float] | F64, resamples: int = RESAMPLES) -> Measure:
    """The mean of what each row has.

    Args:
        values: `(N,)`; for a share that is right, 1 or 0.
        resamples: of the bootstrap.
    """
    known = np.asarray(values, dtype=np.float64)

    def mean(places: Sequence[int]) -> Estimate:
        own = known[list(places)]
        kinds, counts = np.unique(own, return_counts=True)
        # Rows that are alike are drawn together, where that saves anything.
        each, drawn = (kinds, counts) if len(kinds) * ALIKE <= len(own) else (own, len(own))
        resampled = resample(lambda w: w @ each / len(own), drawn, resamples=resamples)
        return Estimate.of(float(own.mean()), resampled)

    return mean


def by_name(names: Sequence[str], order: Sequence[str], measure: Measure) -> tuple[Slice, ...]:
    """Slices of rows that share a name.

    Args:
        names: of each row.
        order: the names, in the order of the slices; those without rows are left out.
        measure: gives the figure of each.

    Raises:
        DataError: a row's name is not among them.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    if strange := sorted(places.keys() - {*order}):
        raise DataError(
            f"every row must be in one of the parts {', '.join(map(repr, order))}, but one is in "
            f"{strange[0]!r}"
        )
    found = [name for name in order if name in places]
    return tuple(Slice(name, len(places[name]), measure(places[name])) for name in found)


def by_length(tokens: Sequence[int], measure: Measure) -> tuple[Slice, ...]:
    """Slices by the number of tokens, from the shortest: up to 16, up to 32, up to 64 and so on."""
    ends = [SHORTEST]
    while ends[-1] < max(tokens, default=0):
        ends.append(2 * ends[-1])
    starts = [0, *(end + 1 for end in ends)]
    names = [f"{start} to {end}" for start, end in zip(starts, ends, strict=False)]
    names[0] = f"up to {SHORTEST}"
    places = np.searchsorted(ends, np.asarray(tokens, dtype=np.int64))
    return by_name([names[place] for place in places], names, measure)


def by_value(values: Sequence[float] | F64, measure: Measure) -> tuple[Slice, ...]:
    """Slices by a number of each row: its values where there are few, else quarters of the rows.

    Equal numbers are in one slice, so that quarters may be uneven.
    """
    known = np.asarray(values, dtype=np.float64)
    kinds = np.unique(known)
    if len(kinds) <= FEW_VALUES:
        names = [f"{one:g}" for one in known]
        return by_name(names, [f"{one:g}" for one in kinds], measure)
    ends = np.unique(np.quantile(known, (0.25, 0.5, 0.75, 1.0), method="inverted_cdf"))
    starts = [known.min(), *(kinds[kinds > end].min() for end in ends[:-1])]
    order = [f"{a:.4g} to {b:.4g}" for a, b in zip(starts, ends, strict=True)]
    places = np.searchsorted(ends, known)
    # Ends may be spelt alike; a number before each keeps them apart.
    keys = [f"{place}:{name}" for place, name in enumerate(order)]
    found = by_name([keys[place] for place in places], keys, measure)
    return tuple(Slice(one.name.split(":", 1)[1], one.rows, one.value) for one in found)
