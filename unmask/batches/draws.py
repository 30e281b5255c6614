"""Random numbers as a function of where they are used, rather than a stream that is used up.

A draw depends on (seed, epoch, stream, sample, position) and on nothing else: not on the batch
a sequence is in, not on how many draws came before, not on the number of workers. That is what
lets a run that was killed go on to the same bits from two integers.

The function is the finalizer of SplitMix64 (Steele, Lea and Flood 2014), applied after each
coordinate is mixed in; it passes through all 64 bits and needs no state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: U64) -> U64:
    """SplitMix64's finalizer; wraps around, as unsigned arithmetic does."""
    x = x + GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of one epoch of one run.

    Attributes:
        seed: of the run, any integer of 64 bits.
        epoch: which pass over the data.
    """

    seed: int
    epoch: int

    def bits(self, stream: int, *coordinates: npt.NDArray[np.int64]) -> U64:
        """64 random bits for each place that the coordinate arrays name together.

        Args:
            stream: keeps draws for different purposes apart.
            coordinates: integer arrays of one shape, such as sample and position.
        """
        key = np.zeros(1, dtype=np.uint64)
        for part in (self.seed, self.epoch, stream):
            key = _mix(key ^ np.uint64(part % 2**64))
        for coordinate in coordinates:
            key = _mix(key ^ coordinate.astype(np.uint64))
        return key

    def uniform(self, stream: int, *coordinates: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Numbers in [0, 1), with the 53 bits that a float64 holds."""
        return np.ldexp((self.bits(stream, *coordinates) >> np.uint64(11)).astype(np.float64), -53)

    def permutation(self, n: int, stream: int) -> npt.NDArray[np.int64]:
        """A shuffle of 0..n-1 by random keys; equal keys keep their order."""
        keys = self.bits(stream, np.arange(n, dtype=np.int64))
        return np.argsort(keys, kind="stable")
