"""Words of texts, and what a model says of each: its labels' log-probabilities.

Legend: W words that were read, C labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.pipelines.overlapping import FitOverlapping, Overlapping
from unmask.pipelines.running import Tell, run, unknown_share
from unmask.text.tagged import Tagged
from unmask.text.tags import WordSpan
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.wordwise import Source, Worded, worded_stream

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordRows:
    """A text as rows for a model.

    Attributes:
        worded: its tokens and words.
        fitted: its rows.
        places: for each row, the places of the first tokens of the words that are read there. All
            rows together have W of them, in the order of the words: those that were not cut off.
        unknown: the share of its tokens that the tokenizer does not know, from 0 to 1.
    """

    worded: Worded
    fitted: Overlapping
    places: tuple[I64, ...]
    unknown: float

    @property
    def words(self) -> int:
        """W."""
        return sum(map(len, self.places))


def word_rows(
    tokenizer: Tokenizer, fit: FitOverlapping, sources: Iterable[Source], *, number: int = 0
) -> Iterator[WordRows]:
    """Texts, or lists of their words, as rows.

    Args:
        number: of the first, for messages.

    Raises:
        TooLong: one is longer than the context, under "error".
        TokenizerError: one is no text.
    """
    for place, worded in enumerate(worded_stream(tokenizer, sources, number=number), number):
        fitted = fit(worded.ids, place)
        places = tuple(fitted.read_in(np.array(worded.pieces, dtype=np.int64)))
        yield WordRows(worded, fitted, places, unknown_share(worded.ids, tokenizer.unk_id))


def inward(texts: Sequence[WordRows], data: Tagged) -> list[list[WordSpan]]:
    """The spans of tagged sentences as spans of the words of each; see `Worded`.

    Args:
        texts: the rows of `data.sources`.
        data: the sentences.
    """
    if data.marked is None:
        return [one.worded.inwards(spans) for one, spans in zip(texts, data.spans, strict=True)]
    return [one.worded.touched(spans) for one, spans in zip(texts, data.marked, strict=True)]


def word_scores(
    texts: Sequence[WordRows],
    model: nn.Module,
    device: torch.device | str,
    *,
    tell: Tell | None = None,
) -> Iterator[F64]:
    """The log-probabilities `(W, C)` of the labels of each text's words, in the order of the texts.

    Args:
        model: a batch to `(T, C)` logits.
        device: where it is.
        tell: is told what share has been read.
    """
    places = [torch.from_numpy(places) for one in texts for places in one.places]

    def read(batch: Batch) -> list[F64]:
        assert batch.samples is not None
        asked = [places[row] for row in batch.samples.tolist()]
        begins = batch.boundaries[:-1].tolist()
        rows = torch.cat([one + begin for one, begin in zip(asked, begins, strict=True)])
        scores = model(batch).index_select(0, rows.to(batch.ids.device)).double().log_softmax(1)
        parts: list[F64] = [part.numpy() for part in scores.cpu().split([len(p) for p in asked])]
        return parts

    found = iter(run([row for one in texts for row in one.fitted.rows], read, device, tell=tell))
    for one in texts:
        yield np.concatenate([next(found) for _ in one.places])
