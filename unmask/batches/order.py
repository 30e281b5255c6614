"""Which sequences go into which batch: a function of (seed, epoch), so no state to save."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError

I64 = npt.NDArray[np.int64]
SHUFFLE, SHUFFLE_BATCHES = 101, 102  # streams of Draws


def epoch_batches(lengths: I64, budget: int, draws: Draws, window: int) -> Iterator[I64]:
    """Every sequence once, in batches of at most `budget` tokens.

    The epoch is shuffled and read in windows of about `window` batches. Within a window the
    sequences are sorted by length, cut into batches, and the batches shuffled: sequences of
    equal length lie together, which attention wants, while what shares a window stays random.
    What is left of a window, too little to fill a batch, moves to the next.

    Args:
        lengths: `(N,)` tokens of each sequence, special tokens included.
        budget: most tokens of a batch.
        draws: the randomness of this epoch.
        window: batches sorted together; 1 leaves the shuffled order as it is.

    Yields:
        Indices of the sequences of one batch, by rising length.

    Raises:
        ConfigError: a sequence is longer than the budget.
    """
    if len(lengths) and int(lengths.max()) > budget:
        raise ConfigError(
            f"a batch must hold the longest sequence, but its budget is {budget} tokens and the "
            f"longest has {int(lengths.max())}; raise the tokens per step or lower the context"
        )
    left = draws.permutation(len(lengths), SHUFFLE)
    rest = left[:0]
    for number in count():
        if not len(left):
            return
        room = max(budget * window - int(lengths[rest].sum()), budget)
        fresh, left = _split(left, lengths, room)
        batches = _cut(np.concatenate((rest, fresh)), lengths, budget, by_length=window > 1)
        rest = batches.pop() if len(left) and len(batches) > 1 else left[:0]
        for index in draws.permutation(len(batches), SHUFFLE_BATCHES + number):
            yield batches[index]


def _split(order: I64, lengths: I64, room: int) -> tuple[I64, I64]:
    """The first sequences of an order, as many as fit in `room` tokens, and the others."""
    fit = int(np.searchsorted(np.cumsum(lengths[order]), room, side="right"))
    return order[:fit], order[fit:]


def _cut(window: I64, lengths: I64, budget: int, *, by_length: bool) -> list[I64]:
    """A window's sequences as batches, filled one after the other."""
    left = window[np.argsort(lengths[window], kind="stable")] if by_length else window
    batches: list[I64] = []
    while len(left):
        batch, left = _split(left, lengths, budget)
        batches.append(batch[np.argsort(lengths[batch], kind="stable")])
    return batches
