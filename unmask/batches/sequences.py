"""Documents to sequences that fit the context: what happens to text that is too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from unmask.errors import ConfigError, TooLong

I64 = npt.NDArray[np.int64]
OnLong = Literal["chunk", "truncate", "error"]


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where each sequence lies in the row of all tokens, special tokens not counted.

    Attributes:
        starts: `(N,)` offset of its first token.
        lengths: `(N,)` its number of tokens, at least 1.
        long_documents: how many documents were longer than the room.
        tokens_cut: how many tokens were left out; above 0 only under "truncate".
    """

    starts: I64
    lengths: I64
    long_documents: int
    tokens_cut: int

    def __len__(self) -> int:
        return len(self.starts)


def sequences_of(offsets: I64, room: int, on_long: OnLong) -> Sequences:
    """Cut documents into sequences of at most `room` tokens.

    Args:
        offsets: `(D + 1,)` document d is tokens `offsets[d]:offsets[d + 1]`; empty ones vanish.
        room: tokens of text that a sequence can hold: the context less the special tokens.
        on_long: "chunk" splits a long document into the fewest sequences, as equal in length as
            can be; "truncate" keeps its head and counts the rest; "error" raises.

    Raises:
        ConfigError: no room, or an unknown word for `on_long`.
        TooLong: under "error", the first document that does not fit.
    """
    if on_long not in get_args(OnLong):
        raise ConfigError(f"on_long must be one of {', '.join(get_args(OnLong))}, not {on_long!r}")
    if room < 1:
        raise ConfigError(f"a context must leave room for text, but {room} tokens are left of it")
    sizes = np.diff(offsets)
    starts = np.asarray(offsets[:-1], dtype=np.int64)
    starts, sizes = starts[sizes > 0], sizes[sizes > 0]
    long = sizes > room
    count = int(long.sum())
    if count and on_long == "error":
        raise TooLong(
            f"a text may have at most {room} tokens beside the special ones, but {count} texts "
            f"have more, the longest {int(sizes.max())}; pass --on-long chunk to split them or "
            "truncate to keep their beginnings"
        )
    if on_long == "truncate":
        cut = int((sizes[long] - room).sum())
        return Sequences(starts, np.minimum(sizes, room), count, cut)
    pieces = -(-sizes // room)
    # Piece p of a document of n tokens in k pieces runs from n p / k to n (p + 1) / k.
    which = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    n, k = np.repeat(sizes, pieces), np.repeat(pieces, pieces)
    begin, end = n * which // k, n * (which + 1) // k
    return Sequences(np.repeat(starts, pieces) + begin, end - begin, count, 0)
