"""What can be guessed about a hidden token without a network: its frequency and its neighbours.

The baselines see exactly what the model sees: the corrupted row. Where a neighbour is hidden too,
they go without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.objectives.targets import Task

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
# Pseudo-count of the whole unigram distribution in a neighbour's distribution. Of 1, 3, 10 and 30
# it gave the product its best accuracy on docstring text (docs/log.md).
PRIOR = 3.0


@dataclass(frozen=True, slots=True)
class Score:
    """How a baseline did. `loss` in nats per target; None where it gives no distribution."""

    name: str
    top1: float
    top5: float
    loss: float | None


class Neighbours:
    """Counts of tokens, and of tokens beside each other, in training text."""

    def __init__(self, vocab_size: int, rows: Iterable[I64], special: Iterable[int]) -> None:
        """Count.

        Args:
            special: ids that are never the answer; they count as neighbours only.
            rows: token ids of sequences, special tokens included; no pair is counted across two.
        """
        self.vocab_size = vocab_size
        unigrams = np.zeros(vocab_size)
        pairs, triples = [], []
        for row in rows:
            unigrams += np.bincount(row, minlength=vocab_size)
            pairs.append(row[:-1] * vocab_size + row[1:])
            triples.append((row[:-2] * vocab_size + row[2:]) * vocab_size + row[1:-1])
        self.possible = np.ones(vocab_size, dtype=np.bool_)
        self.possible[[*special]] = False
        unigrams = np.where(self.possible, unigrams + 1e-3, 0.0)
        self.unigram: F64 = unigrams / unigrams.sum()
        codes = np.concatenate(pairs)
        self._after = _Table(codes, vocab_size, self.possible)
        self._before = _Table(
            codes % vocab_size * vocab_size + codes // vocab_size, vocab_size, self.possible
        )
        self._between = _Table(np.concatenate(triples), vocab_size, self.possible)

    def scores(self, tasks: Iterable[Task], mask_id: int) -> list[Score]:
        """Every baseline on the same targets."""
        names = (
            "most frequent token", "left neighbour", "right neighbour",
            "left x right neighbours", "most frequent between the same two",
        )  # fmt: skip
        sums = {name: np.zeros(3) for name in names}
        targets = 0
        for task in tasks:
            ids = task.batch.ids.numpy()
            for row, label in zip(task.rows.tolist(), task.labels.tolist(), strict=True):
                left, right = int(ids[row - 1]), int(ids[row + 1])
                guesses = self._guesses(
                    left if left != mask_id else None, right if right != mask_id else None
                )
                for name, guess in zip(names, guesses, strict=True):
                    above = int((guess >= guess[label]).sum()) - 1  # a tie counts against it
                    sums[name] += (above == 0, above < 5, -np.log(guess[label]))
                targets += 1
        return [
            Score(name, float(s[0] / targets), float(s[1] / targets), float(s[2] / targets))
            for name, s in sums.items()
        ]

    def _guesses(self, left: int | None, right: int | None) -> tuple[F64, F64, F64, F64, F64]:
        """Distributions over the vocabulary, in the order of the names."""
        after = self.unigram if left is None else self._after.given(left, self.unigram)
        before = self.unigram if right is None else self._before.given(right, self.unigram)
        # Independent given the token: P(w | l, r) is in proportion to P(w | l) P(w | r) / P(w).
        product = np.divide(
            after * before, self.unigram, out=np.zeros_like(after), where=self.possible
        )
        product /= product.sum()
        between = product
        if left is not None and right is not None:
            between = self._between.given(left * self.vocab_size + right, product)
        return self.unigram, after, before, product, between


class _Table:
    """Counts of (context, possible token), looked up by context."""

    def __init__(self, codes: I64, vocab_size: int, possible: npt.NDArray[np.bool_]) -> None:
        unique, counts = np.unique(codes, return_counts=True)
        kept = possible[unique % vocab_size]
        self.counts, unique = counts[kept], unique[kept]
        self.contexts, self.tokens = unique // vocab_size, unique % vocab_size

    def given(self, context: int, prior: F64) -> F64:
        """The distribution after a context, drawn towards a prior where the context is rare."""
        begin, end = np.searchsorted(self.contexts, (context, context + 1))
        counts = self.counts[begin:end]
        mixed = prior * PRIOR
        mixed[self.tokens[begin:end]] += counts
        shares: F64 = mixed / (counts.sum() + PRIOR)
        return shares
