"""The words of a batch as units that are hidden whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.batches.batch import Batch
from unmask.errors import ConfigError

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Units:
    """The words of a batch in their order; a token without a word is a unit by itself.

    Attributes:
        starts: `(U,)` the row of each unit's first token.
        sizes: `(U,)` its tokens.
        sequences: `(U,)` the number of its sequence in the batch.
        places: `(U,)` the position of its first token.
        samples: `(U,)` the number of its sequence that does not depend on the batch.
        open: `(U,)` whether it may be hidden: it is a word, and all of it are ordinary tokens. A
            word of which a piece is unknown could not be put back whole.
    """

    starts: I64
    sizes: I64
    sequences: I64
    places: I64
    samples: I64
    open: Bools

    @classmethod
    def of(cls, batch: Batch, is_ordinary: Bools) -> Units:
        """The units of a batch.

        Args:
            is_ordinary: `(V,)` the ids that may be hidden.

        Raises:
            ConfigError: the batch does not tell its words.
        """
        if batch.words is None:
            raise ConfigError(
                "whole words are hidden in batches that tell their words, but this one has none; "
                "make them from a store that was built with words"
            )
        assert batch.samples is not None
        words, ids, bounds = batch.words.numpy(), batch.ids.numpy(), batch.boundaries.numpy()
        fresh = np.ones(len(ids), dtype=np.bool_)
        fresh[1:] = (words[1:] != words[:-1]) | (words[1:] < 0)
        fresh[bounds[:-1]] = True
        starts = np.flatnonzero(fresh)
        sequences = np.searchsorted(bounds, starts, side="right") - 1
        good = is_ordinary[ids] & (words >= 0)
        return cls(
            starts=starts,
            sizes=np.diff(starts, append=len(ids)),
            sequences=sequences,
            places=batch.positions.numpy()[starts],
            samples=batch.samples.numpy()[sequences],
            open=np.logical_and.reduceat(good, starts),
        )
