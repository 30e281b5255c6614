"""Spans of whole words, drawn until a share of a text's tokens is reached (Joshi et al. 2020)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.objectives.units import Units

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Run = tuple[int, int]
"""Units that follow each other: the first, and the one behind the last."""
LENGTH, START, KEEP = 31, 32, 33  # streams of Draws


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of a span: geometric, without what is longer than the most.

    Attributes:
        p: chance that a span ends after each of its words, in (0, 1).
        most: words of the longest span, at least 1.

    Source: section 3.1, with p = 0.2 and 10 words, of which the mean is 3.8.

    Raises:
        ConfigError: one of them is out of its range.
    """

    p: float = 0.2
    most: int = 10

    def __post_init__(self) -> None:
        if not 0.0 < self.p < 1.0:
            raise ConfigError(
                "the chance that a span ends after a word, span.length_p, must lie between 0 and "
                f"1, not be {self.p}; the paper's is 0.2. Spans of one word each are span.most=1"
            )
        if self.most < 1:
            raise ConfigError(
                f"a span has at least one word, but span.most is {self.most}; the paper's is 10"
            )

    @property
    def shares(self) -> F64:
        """`(most,)` the probability of each length, that of one word first."""
        falling = (1.0 - self.p) ** np.arange(self.most)
        shares: F64 = falling / falling.sum()
        return shares

    def of(self, uniform: F64) -> I64:
        """The length that belongs to each number in [0, 1)."""
        return 1 + np.searchsorted(np.cumsum(self.shares)[:-1], uniform, side="right")


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a batch in their order.

    Attributes:
        starts: `(S,)` the row of each span's first token.
        sizes: `(S,)` its tokens.
        words: `(S,)` its words.
    """

    starts: I64
    sizes: I64
    words: I64

    @classmethod
    def drawn(cls, units: Units, rate: float, lengths: Lengths, draws: Draws) -> Spans:
        """Draw spans until each sequence has that share of the tokens of its open words.

        One by one: first a length, then a start, evenly among the words at which as many open ones
        follow each other that are in no span. Where there are not so many anywhere, the span is as
        long as it can be. The last one, which may reach beyond the share, is kept with the
        probability (tokens that were missing) / (its tokens): the expected share is the rate, to
        the last digit, whatever the lengths.

        A word stays between two spans, so that what bounds a span can be seen, until there is no
        other place: at high rates spans of one word then touch others. To forbid that would keep
        such rates from being reached. The authors' code joins spans that touch at any rate, and so
        has some of more than the most words.

        Every draw is a function of (seed, epoch, sample, number of the span in its sequence).
        """
        firsts = np.flatnonzero(np.diff(units.sequences, prepend=-1))
        missing = rate * np.add.reduceat(np.where(units.open, units.sizes, 0), firsts)
        # A span has a token at least, so no sequence asks for more.
        most = np.ceil(missing).astype(np.int64)
        turns = _turns(units.samples[firsts], most, lengths, draws)
        rows = np.append(units.starts, units.starts[-1] + units.sizes[-1])
        begins, ends = _runs(units.open, firsts)
        places = [*zip(begins.tolist(), ends.tolist(), strict=True)]
        cuts = np.searchsorted(begins, np.append(firsts, len(units.starts))).tolist()
        row_of, found = rows.tolist(), []
        for number, wanted in enumerate(missing.tolist()):
            own = places[cuts[number] : cuts[number + 1]]
            found += _filled(own, islice(turns, int(most[number])), wanted, row_of)
        spans = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
        starts = rows[spans[:, 0]]
        return cls(starts, rows[spans[:, 1]] - starts, spans[:, 1] - spans[:, 0])


Turn = tuple[int, float, float]
"""For one span a length, and the numbers in [0, 1) by which its start is drawn and it is kept."""


def _turns(samples: I64, most: I64, lengths: Lengths, draws: Draws) -> Iterator[Turn]:
    """The turns of all sequences, so many for each, one sequence after the other."""
    until = np.cumsum(most)
    numbers = np.arange(until[-1]) - np.repeat(until - most, most)
    at = (np.repeat(samples, most), numbers)
    length, start, keep = (draws.uniform(stream, *at) for stream in (LENGTH, START, KEEP))
    return zip(lengths.of(length).tolist(), start.tolist(), keep.tolist(), strict=True)


def _filled(places: list[Run], turns: Iterator[Turn], missing: float, rows: list[int]) -> list[Run]:
    """The spans of one sequence.

    Args:
        places: the runs of its open units.
        turns: as many as it may need; all of them are used up.
        missing: tokens that the spans are to have.
        rows: of each unit's first token.
    """
    found: list[Run] = []
    free = list(places)
    for length, start, keep in turns:
        if missing <= 0:
            continue
        if not free:
            taken = {unit for run in found for unit in range(*run)}
            units = (unit for run in places for unit in range(*run))
            free = [(unit, unit + 1) for unit in units if unit not in taken]
        length = min(length, max(end - begin for begin, end in free))
        # How many spans of this length may begin in the runs up to each.
        fits = [*accumulate(max(0, end - begin - length + 1) for begin, end in free)]
        nth = int(start * fits[-1])
        number = bisect_right(fits, nth)
        first, last = free[number]
        end = last + 1 - (fits[number] - nth)
        begin = end - length
        size = rows[end] - rows[begin]
        # Always so for a span that is not larger than what is missing.
        if keep * size < missing:
            found.append((begin, end))
        missing -= size
        left = ((first, begin - 1), (end + 1, last))
        free[number : number + 1] = [run for run in left if run[0] < run[1]]
    return found


def _runs(open_: Bools, firsts: I64) -> tuple[I64, I64]:
    """Runs of open units within the sequences: their first units, and those behind their last."""
    before, after = np.roll(open_, 1), np.roll(open_, -1)
    before[firsts] = after[firsts - 1] = False
    return np.flatnonzero(open_ & ~before), np.flatnonzero(open_ & ~after) + 1
