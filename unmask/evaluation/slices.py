"""Accuracy on parts of the rows: those of each label, and those of about the same length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64, RESAMPLES, Estimate, resample

FEW = 10  # rows below which an interval by bootstrap is not worth showing
SHORTEST = 16  # tokens of the first part by length; each further one reaches twice as far


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows.

    Attributes:
        name: what they have in common.
        rows: how many.
        accuracy: share of them whose guess is right, by bootstrap over them.
    """

    name: str
    rows: int
    accuracy: Estimate


def by_name(
    names: Sequence[str], right: Sequence[bool], order: Sequence[str], resamples: int = RESAMPLES
) -> tuple[Slice, ...]:
    """Slices of rows that share a name.

    Args:
        names: of each row.
        right: whether the guess of each row is.
        order: the names, in the order of the slices; those without rows are left out.
        resamples: of the bootstrap.

    Raises:
        DataError: there are not as many of both.
    """
    if len(names) != len(right):
        raise DataError(
            f"every row has a name and a guess, but there are {len(names)} names and "
            f"{len(right)} guesses"
        )
    hits: dict[str, list[int]] = {}
    for name, hit in zip(names, right, strict=True):
        hits.setdefault(name, [0, 0])[not hit] += 1
    found = [name for name in order if name in hits]
    return tuple(_slice(name, hits[name][0], hits[name][1], resamples) for name in found)


def by_length(
    tokens: Sequence[int], right: Sequence[bool], resamples: int = RESAMPLES
) -> tuple[Slice, ...]:
    """Slices by the number of tokens, from the shortest: up to 16, up to 32, up to 64 and so on.

    Raises:
        DataError: there are not as many of both.
    """
    ends = [SHORTEST]
    while ends[-1] < max(tokens, default=0):
        ends.append(2 * ends[-1])
    starts = [0, *(end + 1 for end in ends)]
    names = [f"{start} to {end}" for start, end in zip(starts, ends, strict=False)]
    names[0] = f"up to {SHORTEST}"
    places = np.searchsorted(ends, np.asarray(tokens, dtype=np.int64))
    return by_name([names[place] for place in places], right, names, resamples)


def _slice(name: str, right: int, wrong: int, resamples: int) -> Slice:
    rows = right + wrong

    def share(weights: F64) -> F64:
        found: F64 = weights[:, 0] / rows
        return found

    resampled = resample(share, np.array([right, wrong]), resamples=resamples)
    return Slice(name, rows, Estimate.of(right / rows, resampled))
