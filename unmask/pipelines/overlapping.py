"""Long texts as rows that overlap, of which each token is read where it has most context.

Rows are as long as the context allows and of equal length. A quarter of each is shared with the
next, and between the two the reading changes over in the middle of what they share. So a token has
at least an eighth of a row on either side, unless the text ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from unmask.batches.sequences import OnLong
from unmask.pipelines.running import Fit
from unmask.tokens.layout import Layout

I64 = npt.NDArray[np.int64]
SHARED = 4
"""One part in so many of a row is shared with the next."""


@dataclass(frozen=True, slots=True)
class Overlapping:
    """A text as rows.

    Attributes:
        rows: its token ids with special tokens.
        begins: the token of the text that each row's text begins with.
        cuts: `cuts[r]` to `cuts[r + 1]` are the tokens of the text that are read in row r.
        prefix: special tokens before the text of a row.
        tokens: how many tokens it had before anything was cut, special tokens included.
        truncated: whether some of them are in no row.
    """

    rows: tuple[list[int], ...]
    begins: tuple[int, ...]
    cuts: tuple[int, ...]
    prefix: int
    tokens: int
    truncated: bool

    def read_in(self, pieces: I64) -> list[I64]:
        """Where tokens of the text are read.

        Args:
            pieces: `(W,)` their numbers in the text, ascending.

        Returns:
            For each row the places in it, special tokens counted, of those read in it. Tokens
            that were cut off are in none.
        """
        bounds = np.searchsorted(pieces, self.cuts)
        return [
            pieces[first:end] - begin + self.prefix
            for (first, end), begin in zip(pairwise(bounds), self.begins, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class FitOverlapping:
    """How texts are made to fit a model that reads each of their tokens.

    Attributes:
        layout: the special tokens around a text.
        context: longest row, special tokens included.
        on_long: what happens to a longer text: "chunk" reads all of it in rows that overlap;
            "truncate" keeps its beginning; "error" raises.
    """

    layout: Layout
    context: int
    on_long: OnLong

    def __post_init__(self) -> None:
        _ = self._fit  # which refuses what makes no sense

    def __call__(self, ids: Sequence[int], number: int = 0) -> Overlapping:
        """One text's ids as rows.

        Args:
            ids: without special tokens around them; may be empty.
            number: which text it is, for the message.

        Raises:
            TooLong: it does not fit, under "error".
        """
        fit, layout = self._fit, self.layout
        size, room, prefix = len(ids), fit.room, len(layout.prefix)
        if size <= room or self.on_long != "chunk":
            one = fit(ids, number)
            read = (0, min(size, room))
            return Overlapping(one.rows, (0,), read, prefix, one.tokens, one.truncated)
        begins = window_starts(size, room, room // SHARED)
        rows = tuple([*layout.prefix, *ids[b : b + room], *layout.suffix] for b in begins)
        cuts = (0, *((a + room + b) // 2 for a, b in pairwise(begins)), size)
        return Overlapping(rows, begins, cuts, prefix, size + self.context - room, False)

    @property
    def _fit(self) -> Fit:
        return Fit(self.layout, self.context, self.on_long, None)


def window_starts(length: int, size: int, overlap: int) -> tuple[int, ...]:
    """Where windows over a text begin: the fewest, all of one size, evenly spread.

    Args:
        length: of the text, in tokens; at least `size`.
        size: of a window.
        overlap: what two neighbours share at least; of more than half a window, half is meant.
    """
    overlap = min(overlap, size // 2)
    steps = -(-(length - size) // (size - overlap))
    return tuple((length - size) * step // steps for step in range(steps + 1)) if steps else (0,)
