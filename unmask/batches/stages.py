"""Batches of a run in stages, each of which reads the same text in batches of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

from unmask.batches.batch import Batch


class Part(Protocol):
    """What one stage reads."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        ...

    def count(self, epoch: int, most: int) -> int:
        """How many batches an epoch has, counted up to `most`."""
        ...

    @property
    def tokens_cut(self) -> int:
        """Tokens of long documents that are never read."""
        ...


@dataclass(frozen=True)
class Staged:
    """Batches of one source after the other, as one source.

    Each stage begins a new epoch, and epochs are counted through. So the order, and whatever an
    objective draws from (seed, epoch, sample, position), is drawn once in a run, although the
    sources number their samples alike; and epoch and batch say alone where a run stands.

    Attributes:
        parts: the source of each stage.
        batches: how many are read from each of them but the last, which has no end.
    """

    parts: tuple[Part, ...]
    batches: tuple[int, ...]

    @cached_property
    def _epochs(self) -> tuple[tuple[int, int], ...]:
        """Of each epoch before the last stage, its stage and its number of batches."""
        found: list[tuple[int, int]] = []
        for stage, left in enumerate(self.batches):
            while left > 0:
                count = self.parts[stage].count(len(found), left)
                found.append((stage, count))
                left -= count
        return tuple(found)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on; a stage's last one may end early."""
        if epoch >= len(self._epochs):
            return self.parts[-1].epoch(epoch, first)
        stage, count = self._epochs[epoch]
        return islice(self.parts[stage].epoch(epoch, first), max(count - first, 0))
