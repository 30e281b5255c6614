"""Batches for pretraining, read from the token store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.order import epoch_batches
from unmask.batches.pack import from_flat
from unmask.batches.sequences import OnLong, Sequences, sequences_of
from unmask.errors import TextError
from unmask.tokens.marks import BEGINS, INSIDE, WORDLESS

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PretrainingBatches:
    """Batches of sequences, each between the tokenizer's special tokens.

    Attributes:
        tokens: `(N,)` all token ids of the text, memory-mapped or not.
        sequences: where each sequence lies among them.
        prefix, suffix: special ids before and after each sequence.
        budget: most tokens of a batch, special tokens included.
        seed: of the order.
        window: batches that are sorted by length together; see `epoch_batches`.
        begins: `(N,)` where words begin, as `TokenStore.begins` has it; None for batches without
            words.
    """

    tokens: npt.NDArray[np.unsignedinteger[npt.NBitBase]]
    sequences: Sequences
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    budget: int
    seed: int
    window: int
    begins: npt.NDArray[np.uint8] | None = None

    @classmethod
    def over(
        cls,
        tokens: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
        offsets: I64,
        *,
        prefix: tuple[int, ...],
        suffix: tuple[int, ...],
        context: int,
        budget: int,
        seed: int,
        window: int = 32,
        on_long: OnLong = "chunk",
        begins: npt.NDArray[np.uint8] | None = None,
    ) -> PretrainingBatches:
        """Documents of a store, cut to the context.

        Raises:
            TextError: there is nothing to read.
            TooLong, ConfigError: see `sequences_of` and `epoch_batches`.
        """
        sequences = sequences_of(offsets, context - len(prefix) - len(suffix), on_long)
        if not len(sequences):
            raise TextError("training needs text, but the store holds no token; check --text")
        return cls(tokens, sequences, prefix, suffix, budget, seed, window, begins)

    @property
    def lengths(self) -> I64:
        """`(N,)` tokens of each sequence, special tokens included."""
        return self.sequences.lengths + len(self.prefix) + len(self.suffix)

    @property
    def tokens_cut(self) -> int:
        """Tokens of long documents that are never read."""
        return self.sequences.tokens_cut

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        return (self.batch(indices) for indices in islice(self._chosen(epoch), first, None))

    def count(self, epoch: int, most: int) -> int:
        """How many batches an epoch has, counted up to `most`."""
        return sum(1 for _ in islice(self._chosen(epoch), most))

    def _chosen(self, epoch: int) -> Iterator[I64]:
        return epoch_batches(self.lengths, self.budget, Draws(self.seed, epoch), self.window)

    def batch(self, indices: I64) -> Batch:
        """The sequences of those numbers as one flat row."""
        starts, sizes = self.sequences.starts[indices], self.sequences.lengths[indices]
        before, after = len(self.prefix), len(self.suffix)
        lengths = sizes + before + after
        ends = np.cumsum(lengths)
        ids = np.empty(int(ends[-1]), dtype=np.int64)
        place = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
        size = np.repeat(sizes, lengths)
        text = (place >= before) & (place < before + size)
        read = (np.repeat(starts, lengths) + place - before)[text]
        ids[text] = self.tokens[read]
        for step, token in enumerate(self.prefix):
            ids[place == step] = token
        for step, token in enumerate(self.suffix):
            ids[place == before + size + step] = token
        batch = from_flat(ids, lengths.tolist(), indices)
        if self.begins is None:
            return batch
        codes = np.full(len(ids), WORDLESS, dtype=np.uint8)
        codes[text] = self.begins[read]
        # What is left of a word that began in the sequence before is a word of its own.
        codes[(place == before) & (codes == INSIDE)] = BEGINS
        return replace(batch, words=torch.from_numpy(word_numbers(codes, ends - lengths, lengths)))


def word_numbers(codes: npt.NDArray[np.uint8], starts: I64, lengths: I64) -> I64:
    """`(T,)` the number of each token's word within its sequence, -1 for none.

    Args:
        codes: `(T,)` INSIDE, BEGINS or WORDLESS.
        starts, lengths: `(B,)` of the sequences.
    """
    begun = np.cumsum(codes == BEGINS)
    earlier = begun[starts] - (codes[starts] == BEGINS)
    return np.where(codes == WORDLESS, -1, begun - np.repeat(earlier, lengths) - 1)
