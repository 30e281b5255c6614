"""Arms that are functions of texts, timed whole or call by call, and the choice of a batch size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from unmask.bench.arm import F32, Measured

BATCHES = (1, 8, 32)
WARM_UP_TEXTS = 192
TRIALS = 2

Encode = Callable[[Sequence[str]], F32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Whole(Generic[T]):
    """All texts at once, by the clock.

    Attributes:
        encode: texts to vectors `(N, E)`, tokenising included.
        texts: the texts, or pairs of them.
        work: what they are in the measure's unit, such as the number of their tokens.
        facts: told with every run, such as the batch size that was chosen.
    """

    encode: Callable[[Sequence[T]], F32]
    texts: Sequence[T]
    work: int
    facts: Mapping[str, float] = field(default_factory=dict)

    def run(self) -> Measured:
        """Encode all."""
        begun = time.perf_counter()
        vectors = self.encode(self.texts)
        spent = time.perf_counter() - begun
        return Measured(spent, self.work, vectors, self.facts)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """One text after the other, each timed: facts `p50` and `p99` in milliseconds."""

    encode: Encode
    texts: Sequence[str]
    tokens: int

    def run(self) -> Measured:
        """Encode each by itself."""
        vectors, spent = [], []
        for text in self.texts:
            begun = time.perf_counter()
            vectors.append(self.encode([text])[0])
            spent.append(time.perf_counter() - begun)
        p50, p99 = np.percentile(spent, [50, 99]) * 1e3
        facts = {"p50": float(p50), "p99": float(p99)}
        return Measured(sum(spent), self.tokens, np.stack(vectors), facts)


def arm(
    encode: Encode, texts: Sequence[str], tokens: int, one_by_one: bool
) -> Whole[str] | OneByOne:
    """Texts together or one by one."""
    return OneByOne(encode, texts, tokens) if one_by_one else Whole(encode, texts, tokens)


def fastest(choices: Mapping[float, Callable[[Sequence[T]], F32]], texts: Sequence[T]) -> float:
    """The key of the function that is fastest on these texts, each tried in turn.

    On all of them: sorted by length, few texts make batches of more different lengths than many
    do, which counts against large batches.
    """
    some = list(texts[:: max(1, len(texts) // WARM_UP_TEXTS)])
    for encode in choices.values():
        encode(some)
    spent: dict[float, list[float]] = {key: [] for key in choices}
    for _ in range(TRIALS):
        for key, encode in choices.items():
            begun = time.perf_counter()
            encode(texts)
            spent[key].append(time.perf_counter() - begun)
    return min(choices, key=lambda key: min(spent[key]))
