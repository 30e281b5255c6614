"""Masked language modelling by spans of words, and prediction of them from what bounds them.

Source: Joshi et al. 2020, SpanBERT. A span is hidden whole, and what becomes of it, mask, random
tokens or nothing, is decided once for all of its tokens. Each of them is predicted where it stands,
as in any masked language model; and, as a second term, from the two tokens outside the span.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.heads.boundary import BoundaryModel
from unmask.heads.model import LanguageModel
from unmask.objectives.masking import Masking
from unmask.objectives.mlm import cloze_loss, cloze_of, padded, padded_rows
from unmask.objectives.spans import I64, Lengths, Spans
from unmask.objectives.targets import Losses, Task
from unmask.objectives.units import Units

BOUNDARY = "boundary"


@dataclass(frozen=True)
class SpanLM:
    """Hide spans of words until the rate is reached in each sequence, and predict their tokens.

    Attributes:
        masking: how much is hidden, and of which vocabulary. All that is hidden is predicted.
        lengths: of the spans.

    Raises:
        ConfigError: another share than the rate is to be predicted.
    """

    masking: Masking
    lengths: Lengths

    def __post_init__(self) -> None:
        if (share := self.masking.rates.predict) is not None:
            raise ConfigError(
                f"mask.predict={share} is for objectives that draw each token or word by itself, "
                "but span draws spans until mask.rate is reached, and predicts all of them; leave "
                "it out, or give --objective whole_word"
            )

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
        """Hide spans of a batch. What is hidden depends on (seed, epoch, sample, position).

        Args:
            progress: share of the run that is done, for the rate.

        Raises:
            ConfigError: the batch does not tell its words.
        """
        return self.hidden(batch, draws, progress)[0]

    def hidden(self, batch: Batch, draws: Draws, progress: float) -> tuple[Task, Spans]:
        """The task of `corrupt`, and its spans; its rows are theirs, one after the other."""
        masking = self.masking
        units = Units.of(batch, masking.is_ordinary)
        draws = masking.rates.draws(draws)
        spans = Spans.drawn(units, masking.rates.at(progress), self.lengths, draws)
        rows, firsts = token_rows(spans)
        together = batch.positions.numpy().copy()
        together[rows] = together[firsts]
        selected = np.zeros(batch.tokens, dtype=np.bool_)
        selected[rows] = True
        free = np.repeat(units.open, units.sizes)
        task = masking.hide(batch, selected, selected, free, draws=draws, together=together)
        counts = {"spans": len(spans.starts), "words": int(spans.words.sum())}
        return replace(task, counts={**task.counts, **counts}), spans

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        """Cross-entropy at the asked rows, summed; nothing is projected elsewhere."""
        return Losses({task.term: cloze_loss(model, task)})


def token_rows(spans: Spans) -> tuple[I64, I64]:
    """`(M,)` the row of each token of the spans, and that of the first token of its span."""
    firsts = np.repeat(spans.starts, spans.sizes)
    before = np.repeat(np.cumsum(spans.sizes) - spans.sizes, spans.sizes)
    return firsts + np.arange(len(firsts)) - before, firsts


@dataclass(frozen=True, slots=True)
class SpanTask:
    """Hidden tokens, and the same once more from what bounds their spans.

    Attributes:
        masked: the task of the tokens where they stand.
        outside: `(2, N)` int64, for each token of a span the rows of the tokens before and after
            the span. Both are of its sequence: spans that lack one, as where a tokenizer puts no
            special token at the end, are not among the N.
        places: `(N,)` int64, the tokens of its span that stand before it.
        labels: `(N,)` int64, the tokens.
    """

    masked: Task
    outside: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor

    @property
    def batch(self) -> Batch:
        """What the model sees."""
        return self.masked.batch

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done to the tokens."""
        return self.masked.counts

    @property
    def targets(self) -> Mapping[str, int]:
        """Tokens where they stand, and from the boundary."""
        return {**self.masked.targets, BOUNDARY: len(self.labels)}

    @property
    def bounded(self) -> Task:
        """The second term as a task of its own."""
        return Task(self.batch, self.outside[0], self.labels, {}, term=BOUNDARY)

    def to(self, device: torch.device) -> SpanTask:
        """The same task on another device."""
        return SpanTask(
            self.masked.to(device),
            self.outside.to(device),
            self.places.to(device),
            self.labels.to(device),
        )


@dataclass(frozen=True)
class SpanBoundaryLM:
    """The loss of `SpanLM`, and that of a head that sees a span's boundary alone.

    Attributes:
        spans: what hides the tokens.
        weight: of the second term's mean in the whole loss, beside 1; 1 in the paper.
    """

    spans: SpanLM
    weight: float = 1.0

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> SpanTask:
        """Hide spans of a batch, see `SpanLM`, and find what bounds them."""
        masked, spans = self.spans.hidden(batch, draws, progress)
        rows, firsts = token_rows(spans)
        ends = np.repeat(spans.starts + spans.sizes, spans.sizes)
        bounds = batch.boundaries.numpy()
        sequences = np.searchsorted(bounds, rows, side="right") - 1
        inner = (firsts > bounds[sequences]) & (ends < bounds[sequences + 1])
        outside = np.stack((firsts - 1, ends))[:, inner]
        return SpanTask(
            masked,
            torch.from_numpy(outside),
            torch.from_numpy((rows - firsts)[inner]),
            masked.labels[torch.from_numpy(inner)],
        )

    def loss(self, model: BoundaryModel, task: SpanTask) -> Losses:
        """Both terms, summed, from one pass of the encoder."""
        masked = task.masked
        tokens, bounded = model(
            task.batch, padded_rows(masked), padded(task.outside), padded(task.places)
        )
        boundary = replace(cloze_of(bounded, task.bounded), weight=self.weight)
        return Losses({masked.term: cloze_of(tokens, masked), BOUNDARY: boundary})
