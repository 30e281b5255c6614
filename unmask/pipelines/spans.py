"""The best spans of a text, over all windows in which it was read.

A span's score is that of its first token as the first of an answer and of its last token as the
last; "no answer" has the scores of a row's first token (Devlin et al. 2018, section 4.3). Of a
span in several windows the best score counts; of "no answer" the worst, for a window without the
answer has every reason to say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from unmask.pipelines.passages import Passage
from unmask.tokens.words import SPACES, Span

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BestSpans:
    """What was found in one text.

    Attributes:
        spans: `(start, end)` characters of the best spans, all different, the best first.
        shares: the probability of each, among all spans of the text and "no answer".
        no_answer: the probability of "no answer".
        margin: by how many nats "no answer" is ahead of the best span.
    """

    spans: tuple[Span, ...]
    shares: tuple[float, ...]
    no_answer: float
    margin: float


def best_spans(
    passage: Passage, scores: Sequence[F32], text: str, *, longest: int, top_k: int
) -> BestSpans | None:
    """The best spans of a text; None where no token of it could begin an answer.

    Args:
        passage: the text as rows.
        scores: `(tokens, 2)` for each row: of each token as the first and the last of an answer.
        text: the text.
        longest: tokens of a span at most.
        top_k: how many are wanted; fewer only where there are no more.
    """
    table = span_scores(passage, scores, longest)
    worded = np.array([bool(text[a:b].strip(SPACES)) for a, b in passage.spans])
    if not worded.all():  # white space of its own is no end of an answer
        table[~(worded[:, None] & _shifted(worded, table.shape[1], False))] = -np.inf
    flat = table.ravel()
    null = min(float(row[0, 0]) + float(row[0, 1]) for row in scores)
    top = float(flat.max())
    if not np.isfinite(top):
        return None
    highest = max(top, null)
    whole = highest + np.log(np.exp(flat - highest).sum() + np.exp(null - highest))
    chosen = _distinct(passage, flat, table.shape[1], top_k)
    return BestSpans(
        spans=tuple(chosen),
        shares=tuple(float(np.exp(flat[place] - whole)) for place in chosen.values()),
        no_answer=float(np.exp(null - whole)),
        margin=null - top,
    )


def span_scores(passage: Passage, scores: Sequence[F32], longest: int) -> F64:
    """`(N, longest)` the score of the span of d + 1 tokens that begins with token n, at `[n, d]`.

    It is minus infinity where no window holds the whole span.
    """
    longest = min(longest, passage.size)
    table = np.full((len(passage.spans), longest), -np.inf)
    for begin, row in zip(passage.starts, scores, strict=True):
        window = row[passage.before : passage.before + passage.size].astype(np.float64)
        found = window[:, :1] + _shifted(window[:, 1], longest, -np.inf)
        there = table[begin : begin + passage.size]
        np.maximum(there, found, out=there)
    return table


def _shifted(values: npt.NDArray[Any], count: int, beyond: Any) -> npt.NDArray[Any]:
    """`(N, count)` the value d places behind each, `beyond` where there is none."""
    padded = np.concatenate((values, np.full(count - 1, beyond, dtype=values.dtype)))
    return sliding_window_view(padded, count)


def _distinct(passage: Passage, flat: F64, longest: int, top_k: int) -> dict[Span, int]:
    """The best places of `flat`, by the characters that they stand for; the earlier of equals."""
    most = int(np.isfinite(flat).sum())
    wanted = min(most, 2 * top_k)
    while True:
        least = np.partition(flat, -wanted)[-wanted]
        places = np.flatnonzero(flat >= least)
        chosen: dict[Span, int] = {}
        for place in places[np.argsort(-flat[places], kind="stable")].tolist():
            first, more = divmod(place, longest)
            span = (passage.spans[first][0], passage.spans[first + more][1])
            # Several tokens may stand for one character, and so several spans for the same words.
            chosen.setdefault(span, place)
            if len(chosen) == top_k:
                return chosen
        if wanted == most:
            return chosen
        wanted = min(most, 4 * wanted)
