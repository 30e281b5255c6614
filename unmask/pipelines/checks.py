"""What pipelines check before a model reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import accumulate

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.errors import TextError, TokenizerError, TooLong, shown
from unmask.nn.config import EncoderConfig
from unmask.pipelines.running import Fitted

_INTEGERS = frozenset({torch.int64, torch.int32})


def check_several(name: str, texts: object, what: str = "text") -> None:
    """Check that texts are several, whose order is known.

    Args:
        name: what is called with them.
        texts: what it was called with.
        what: what one of them is.

    Raises:
        TokenizerError: a single text, which would be read letter by letter, a table, of which
            the keys would be, or nothing that holds texts.
    """
    if isinstance(texts, str | bytes):
        raise TokenizerError(f"{name} takes a list of {what}s; for one {what}, write [{what}]")
    if isinstance(texts, Mapping | Set) or not isinstance(texts, Iterable):
        raise TokenizerError(
            f"{name} takes a list of {what}s, or others in an order, not a {type(texts).__name__}"
        )


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, of Python or of NumPy; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_filled(fitted: Sequence[Fitted], first: int, skip: int = 0) -> None:
    """Check that every row has a token that counts.

    Args:
        fitted: texts as rows.
        first: number of the first text, for the message.
        skip: tokens at a row's beginning that do not count.

    Raises:
        TextError: a row has none.
    """
    for place, one in enumerate(fitted, first):
        if any(len(row) <= skip for row in one.rows):
            raise TextError(
                f"text {place} (counted from 0) has no token that could be read, since this "
                "tokenizer puts none around a text; leave empty texts out"
            )


def check_batch(batch: Batch, config: EncoderConfig) -> None:
    """Check that a batch of token ids suits an encoder.

    Raises:
        TokenizerError: an id has no row in the token table, a segment none in its table, or a
            position none in the context; or the parts of the batch do not belong together.
        TooLong: a sequence is longer than the context.
        TextError: there is no sequence, or an empty one.
    """
    if not batch.lengths or min(batch.lengths) < 1:
        raise TextError("a batch must hold at least one sequence, and none that is empty")
    _check_parts(batch)
    if max(batch.lengths) > config.context:
        raise TooLong(
            f"a sequence may have at most {config.context} tokens, special tokens included, but "
            f"one has {max(batch.lengths)}; shorten it"
        )
    table, remedy = "the rows of the model's table", "Were they made by another tokenizer?"
    limits = [
        ("token ids", batch.ids, config.embedding.vocab, table, remedy),
        ("positions", batch.positions, config.context, "the places of its context", "Count from 0"),
    ]
    if batch.segments is not None:
        told = config.embedding.segments
        # Without a table there is one segment: others would be left out without a word.
        why = table if told else "since this model does not tell segments apart"
        limits.append(("segments", batch.segments, told or 1, why, remedy))
    for what, values, count, why, remedy in limits:
        least, most = int(values.min()), int(values.max())
        if least < 0 or most >= count:
            raise TokenizerError(
                f"{what} must lie between 0 and {count - 1}, {why}, but go from {least} to "
                f"{most}. {remedy}"
            )


def _check_parts(batch: Batch) -> None:
    """Check that every part of a batch is there for each of its tokens."""
    tokens = sum(batch.lengths)
    parts = {"ids": batch.ids, "positions": batch.positions, "segments": batch.segments}
    for name, part in parts.items():
        if part is None:
            continue
        if not isinstance(part, torch.Tensor) or part.dtype not in _INTEGERS:
            kind = part.dtype if isinstance(part, torch.Tensor) else type(part).__name__
            raise TokenizerError(
                f"{name} of a batch must be a tensor of int64, not of {kind}. "
                "Make batches with unmask.pack"
            )
        if part.shape != (tokens,):
            raise TokenizerError(
                f"{name} of a batch must be one for each of its {tokens} tokens, the sum of its "
                f"lengths, but have the shape {tuple(part.shape)}. Make batches with unmask.pack"
            )
    ends = [0, *accumulate(batch.lengths)]
    if batch.boundaries.tolist() != ends:
        raise TokenizerError(
            f"boundaries of a batch must be 0 and the sums of its lengths, {shown(ends)}, not "
            f"{shown(batch.boundaries.tolist())}. Make batches with unmask.pack"
        )
