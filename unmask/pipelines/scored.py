"""What a sequence head says of texts and of pairs, in order, whatever they are put to.

C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened
from unmask.errors import ConfigError
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.pairs import (
    FittedPair,
    Pair,
    characters_of,
    checked_pair,
    fit_pair,
    tells_segments,
)
from unmask.pipelines.running import TOKENS, Fit, Fitted, Tell, bar, run, windows

OnLongPair = Literal["truncate", "error"]
Read = Callable[[torch.Tensor], torch.Tensor]
"""`(B, C)` logits to what is said: probabilities, for example."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one text or pair.

    Attributes:
        values: `(C,)` float32 on the CPU.
        tokens: how many tokens it had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: the share of its tokens that the tokenizer does not know, from 0 to 1; of a pair
            that of the text that has the larger one.
    """

    values: torch.Tensor
    tokens: int
    truncated: bool
    unknown: float


def of_texts(
    opened: Opened[SequenceClassifier],
    texts: Iterable[str],
    read: Read,
    *,
    on_long: OnLong,
    doing: str,
    progress: bool,
) -> Iterator[Said]:
    """What is said of texts, in their order; of one that was split, the mean by tokens.

    Args:
        opened: the model.
        texts: a thousand, or four million characters, are read ahead.
        read: of its logits.
        on_long: what happens to a text longer than the context.
        doing: for the bar, such as "classifying".
        progress: whether there is one.

    Raises:
        TooLong: a text is longer than the context, under "error".
    """
    tokenizer = opened.tokenizer
    context = opened.model.encoder.config.context
    fit = Fit(tokenizer.layout, context, on_long, tokenizer.unk_id)
    with bar(doing, texts, progress) as within:
        for number, window in windows(texts):
            ids = tokenizer.ids_stream(window, number=number)
            fitted = [fit(one, place) for place, one in enumerate(ids, number)]
            yield from _of_rows(opened.model, fitted, read, within(number, window))


def _of_rows(
    model: SequenceClassifier, fitted: list[Fitted], read: Read, tell: Tell
) -> Iterator[Said]:
    rows = [row for one in fitted for row in one.rows]
    found = iter(run(rows, _reading(model, read), _device(model), tell=tell))
    for one in fitted:
        parts = torch.stack([next(found) for _ in one.rows])
        weights = torch.tensor([float(len(row)) for row in one.rows])
        values = weights @ parts / weights.sum() if len(one.rows) > 1 else parts[0]
        yield Said(values, one.tokens, one.truncated, one.unknown)


def of_pairs(
    opened: Opened[SequenceClassifier],
    pairs: Iterable[Pair],
    read: Read,
    *,
    on_long: str,
    doing: str,
    progress: bool,
    limit: int | None = None,
    batch_tokens: int = TOKENS,
) -> Iterator[Said]:
    """What is said of pairs, in their order.

    Args:
        opened, read, doing, progress: as in `of_texts`.
        pairs: of two texts each.
        on_long: "truncate" cuts the longer text until both are equally long, then both; "error"
            raises.
        limit: the longest pair in tokens; None for the context.
        batch_tokens: of a batch.

    Raises:
        ConfigError: another word for `on_long`.
        TooLong: a pair is longer, under "error".
        TokenizerError: something is no pair of two texts.
    """
    if on_long not in ("truncate", "error"):
        raise ConfigError(f"on_long must be one of truncate, error here, not {on_long!r}")
    tokenizer, model = opened.tokenizer, opened.model
    layout, error, unknown = tokenizer.layout.pair, on_long == "error", tokenizer.unk_id
    longest = model.encoder.config.context if limit is None else limit
    with bar(doing, pairs, progress) as within:
        for number, window in windows(map(checked_pair, enumerate(pairs)), length=characters_of):
            ids = (
                tokenizer.ids_stream(texts, number=number) for texts in zip(*window, strict=True)
            )
            fitted = [
                fit_pair(first, second, layout, longest, unknown, error=error, number=place)
                for place, (first, second) in enumerate(zip(*ids, strict=True), number)
            ]
            told = tells_segments(model.encoder, tokenizer)
            values = run(
                [pair.ids for pair in fitted],
                _reading(model, read),
                _device(model),
                segments=[pair.segments for pair in fitted] if told else None,
                tokens=batch_tokens,
                tell=within(number, window),
            )
            yield from map(_said, fitted, values)


def _said(pair: FittedPair, values: torch.Tensor) -> Said:
    return Said(values, pair.tokens, pair.truncated, pair.unknown)


def _reading(model: SequenceClassifier, read: Read) -> Callable[[Batch], list[torch.Tensor]]:
    return lambda batch: list(read(model(batch).float()).cpu())


def _device(model: SequenceClassifier) -> torch.device:
    return model.encoder.embedding.tokens.weight.device
