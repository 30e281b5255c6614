"""What pipelines check before a model reads."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.batches.batch import Batch
from unmask.errors import TextError, TokenizerError, TooLong
from unmask.nn.config import EncoderConfig
from unmask.pipelines.running import Fitted


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
        TokenizerError: an id has no row in the token table, or a segment none in its table.
        TooLong: a sequence is longer than the context.
        TextError: there is no sequence, or an empty one.
    """
    if not batch.lengths or min(batch.lengths) < 1:
        raise TextError("a batch must hold at least one sequence, and none that is empty")
    if max(batch.lengths) > config.context:
        raise TooLong(
            f"a sequence may have at most {config.context} tokens, special tokens included, but "
            f"one has {max(batch.lengths)}; shorten it"
        )
    tables = [("token ids", batch.ids, config.embedding.vocab)]
    if batch.segments is not None and config.embedding.segments:
        tables.append(("segments", batch.segments, config.embedding.segments))
    for what, values, rows in tables:
        least, most = int(values.min()), int(values.max())
        if least < 0 or most >= rows:
            raise TokenizerError(
                f"{what} must lie between 0 and {rows - 1}, the rows of the model's table, but go "
                f"from {least} to {most}. Were they made by another tokenizer?"
            )
