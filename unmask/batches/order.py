"""Which sequences go into which batch: a function of (seed, epoch), so no state to save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    order = draws.permutation(len(lengths), SHUFFLE)
    offsets = _offsets(lengths[order])
    rest = order[:0]
    begin = number = 0
    while begin < len(order):
        room = max(budget * window - int(lengths[rest].sum()), budget)
        end = _reach(offsets, begin, room)
        fresh = np.concatenate((rest, order[begin:end]))
        batches = _cut(fresh, lengths, budget, by_length=window > 1)
        rest = batches.pop() if end < len(order) and len(batches) > 1 else order[:0]
        for index in draws.permutation(len(batches), SHUFFLE_BATCHES + number):
            yield batches[index]
        begin, number = end, number + 1


def shortest_first(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of sequences in batches of at most `budget` tokens, by rising length.

    Args:
        lengths: N.
        budget: most tokens of a batch; a longer sequence is a batch by itself.
    """
    batch: list[int] = []
    filled = 0
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batch and filled + lengths[place] > budget:
            yield batch
            batch, filled = [], 0
        batch.append(place)
        filled += lengths[place]
    if batch:
        yield batch


def _cut(window: I64, lengths: I64, budget: int, *, by_length: bool) -> list[I64]:
    """A window's sequences as batches, filled one after the other."""
    if by_length:
        window = window[np.argsort(lengths[window], kind="stable")]
    offsets = _offsets(lengths[window])
    batches: list[I64] = []
    begin = 0
    while begin < len(window):
        end = _reach(offsets, begin, budget)
        batch = window[begin:end]
        batches.append(batch[np.argsort(lengths[batch], kind="stable")])
        begin = end
    return batches


def _offsets(lengths: I64) -> I64:
    """`(N + 1,)` tokens before each sequence, and in all."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))


def _reach(offsets: I64, begin: int, room: int) -> int:
    """How far the sequences from `begin` on fit in `room` tokens, which hold any one of them."""
    return int(np.searchsorted(offsets, offsets[begin] + room, side="right")) - 1
