"""What the masked objectives share: how much is hidden, of which vocabulary, and what is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.objectives.corrupt import Split, replace_selected
from unmask.objectives.targets import Task

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """How much is hidden and how much of it is predicted.

    Attributes:
        rate: share of ordinary tokens that are hidden when training begins, in (0, 1).
        final_rate: the same when it ends, approached in a straight line; None for no change.
        predict: share of ordinary tokens that are predicted, in (0, 1); None for the rate. Below
            the rate, the others are hidden and not asked for. Above it, each sequence is read in
            several copies in one step, each with other tokens hidden: as many as it takes, all of
            the rate but the last. Hidden states of all copies are in memory at once.
        static: whether a sequence has the same masks in every epoch. (In 2018 they were drawn
            before training too, ten sets for each text.)

    Sources: Devlin et al. 2018; corruption and prediction apart: Wettig et al. 2023, section 5.

    Raises:
        ConfigError: a share out of its range, or two settings that exclude each other.
    """

    rate: float = 0.15
    final_rate: float | None = None
    predict: float | None = None
    static: bool = False

    def __post_init__(self) -> None:
        for name, share in (("rate", self.rate), ("final_rate", self.last)):
            if not 0.0 < share < 1.0:
                raise ConfigError(
                    f"the masking rate, mask.{name}, is a share of the tokens and must lie between "
                    f"0 and 1, not be {share}; the usual one is mask.rate=0.15"
                )
        if self.predict is not None and not 0.0 < self.predict < 1.0:
            raise ConfigError(
                f"the share that is predicted must lie between 0 and 1, not be {self.predict}; "
                "leave mask.predict out to predict all that is hidden"
            )
        if self.last == self.rate:
            return
        if self.predict is not None:
            raise ConfigError(
                f"mask.predict={self.predict} is a share beside one rate, but the rate goes from "
                f"{self.rate} to {self.last}; leave mask.predict or mask.final_rate out"
            )
        if self.static:
            raise ConfigError(
                f"masks that are kept cannot change, but the rate goes from {self.rate} to "
                f"{self.last}; leave mask.static or mask.final_rate out"
            )

    @property
    def last(self) -> float:
        """The rate when training ends."""
        return self.rate if self.final_rate is None else self.final_rate

    @property
    def copies(self) -> int:
        """How often a sequence is read in one step."""
        # A share of 0.3 is twice 0.15, whatever the last bit of the quotient says.
        return 1 if self.predict is None else max(1, math.ceil(self.predict / self.rate - 1e-9))

    def at(self, progress: float) -> float:
        """The rate when that share of the run is done."""
        return self.rate + progress * (self.last - self.rate)

    def draws(self, draws: Draws) -> Draws:
        """The randomness of an epoch: for masks that are kept, that of the first."""
        return Draws(draws.seed, 0) if self.static else draws


@dataclass(frozen=True, slots=True)
class Masking:
    """Hiding tokens of a vocabulary.

    Attributes:
        rates: how much.
        split: what becomes of a selected token.
        mask_id: the mask token.
        ordinary: `(V - specials,)` the ids that may be selected and drawn as replacements.
        is_ordinary: `(V,)` the same as a table.
    """

    rates: Rates
    split: Split
    mask_id: int
    ordinary: npt.NDArray[np.int64]
    is_ordinary: Bools

    @classmethod
    def over(
        cls,
        vocab_size: int,
        special_ids: Iterable[int],
        mask_id: int,
        *,
        rates: Rates | None = None,
        split: Split | None = None,
    ) -> Masking:
        """For a vocabulary. Special tokens, `[UNK]` among them, are never selected and never drawn.

        Raises:
            ConfigError: a vocabulary of special tokens only.
        """
        table = np.ones(vocab_size, dtype=np.bool_)
        table[[*special_ids, mask_id]] = False
        if not table.any():
            raise ConfigError(
                f"masking needs ordinary tokens, but all {vocab_size} of the vocabulary are special"
            )
        return cls(rates or Rates(), split or Split(), mask_id, np.flatnonzero(table), table)

    def task(self, batch: Batch, drawn: F64, free: Bools, *, draws: Draws, progress: float) -> Task:
        """Select the tokens that drew low numbers, replace them, and ask for them.

        Args:
            drawn: `(T,)` a number in [0, 1) for each token; tokens with the same one are selected
                together.
            free: `(T,)` the tokens that may be selected.
            draws: of the replacements.
            progress: share of the run that is done.
        """
        rates, copies = self.rates, self.rates.copies
        rate = rates.at(progress)
        predict = rate if rates.predict is None else rates.predict
        if copies > 1:
            batch, rows, copy = copied(batch, copies)
            # Each copy hides the next slice of numbers, the last what is left of the share.
            lowest, highest = copy * rate, np.minimum((copy + 1) * rate, predict)
            drawn, free = drawn[rows], free[rows]
            selected = asked = free & (drawn >= lowest) & (drawn < highest)
        else:
            selected = free & (drawn < rate)
            asked = selected & (drawn < predict)
        return self.hide(batch, selected, asked, free, draws=draws)

    def hide(
        self,
        batch: Batch,
        selected: Bools,
        asked: Bools,
        free: Bools,
        *,
        draws: Draws,
        together: npt.NDArray[np.int64] | None = None,
    ) -> Task:
        """Replace the selected tokens of a batch and ask for some of them.

        Args:
            selected, asked, free: `(T,)` tokens that are replaced, those of them that are
                predicted, and those that might have been selected.
            together: `(T,)` the position at which it is drawn what becomes of a token: tokens
                of one sequence with the same one all become masks, or random, or are kept. None
                for each token's own.
        """
        assert batch.samples is not None
        ids, positions = batch.ids.numpy(), batch.positions.numpy()
        samples = np.repeat(batch.samples.numpy(), batch.lengths)
        changed, counts = replace_selected(
            ids,
            selected,
            self.split,
            mask_id=self.mask_id,
            ordinary=self.ordinary,
            draws=draws,
            coordinates=(samples, positions),
            acting=None if together is None else (samples, together),
        )
        counts["ordinary"] = int(free.sum())
        rows = np.flatnonzero(asked)
        return Task(
            batch=replace(batch, ids=torch.from_numpy(changed)),
            rows=torch.from_numpy(rows),
            labels=torch.from_numpy(ids[rows]),
            counts=counts,
        )


def copied(batch: Batch, copies: int) -> tuple[Batch, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each sequence of a batch several times, one behind the other.

    Returns:
        The batch; for each of its tokens `(T,)` the row it had; and the number of its copy.
    """
    before = np.asarray(batch.lengths, dtype=np.int64)
    lengths = np.repeat(before, copies)
    ends = np.cumsum(lengths)
    place = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    rows = place + np.repeat(np.repeat(np.cumsum(before) - before, copies), lengths)
    which = torch.from_numpy(rows)
    segments, samples, words = batch.segments, batch.samples, batch.words
    many = Batch(
        ids=batch.ids[which],
        positions=batch.positions[which],
        boundaries=torch.from_numpy(np.concatenate((np.zeros(1, dtype=np.int64), ends))),
        lengths=tuple(lengths.tolist()),
        segments=None if segments is None else segments[which],
        samples=None if samples is None else samples.repeat_interleave(copies),
        words=None if words is None else words[which],
    )
    return many, rows, np.repeat(np.tile(np.arange(copies), len(before)), lengths)
