"""Pairs of texts as rows that fit the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.errors import ConfigError, TokenizerError, TooLong, shown
from unmask.nn.encoder import Encoder
from unmask.pipelines.running import unknown_share
from unmask.tokens.encoded import length_of
from unmask.tokens.layout import PairLayout
from unmask.tokens.tokenizer import Tokenizer

Pair = Sequence[str]


@dataclass(frozen=True, slots=True)
class FittedPair:
    """A pair as a row.

    Attributes:
        ids: with special tokens.
        segments: 0 or 1 for each token, as the tokenizer tells the two texts apart.
        tokens: how many tokens the pair had before anything was cut, special tokens included.
        unknown: the share of its tokens that the tokenizer does not know, of the text that has the
            larger one.
    """

    ids: list[int]
    segments: list[int]
    tokens: int
    unknown: float

    @property
    def truncated(self) -> bool:
        """Whether some tokens are not in the row."""
        return len(self.ids) < self.tokens


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens two texts keep, so that both fit together.

    The longer text is cut until it is as long as the shorter, then both. This is the rule that
    `tokenizers` calls longest_first: where both are cut to an odd room, the one that was longer
    keeps one more, and of two that were equal the second.

    Args:
        first, second: the texts' tokens.
        room: for both together.
    """
    short, long = sorted((first, second))
    long = min(long, max(short, room - short))
    if short + long > room:
        short = room // 2
        long = room - short
    return (long, short) if first > second else (short, long)


def fit_pair(
    first: Sequence[int],
    second: Sequence[int],
    layout: PairLayout,
    limit: int,
    unknown: int | None,
    *,
    error: bool = False,
    number: int = 0,
) -> FittedPair:
    """A pair with its special tokens, cut by `longest_first` where it is longer than `limit`.

    Args:
        first, second: ids without special tokens.
        layout: what stands around them.
        limit: the longest row, special tokens included.
        unknown: the id of the unknown token, if the tokenizer has one.
        error: raise rather than cut.
        number: which pair it is, for the message.

    Raises:
        ConfigError: `limit` leaves no room for a token of each text.
        TooLong: it does not fit, under `error`.
    """
    specials = len(layout.before) + len(layout.between) + len(layout.after)
    if limit < specials + 2:
        raise ConfigError(
            f"the longest length must leave room for two texts, but {limit} tokens hold "
            f"{specials} special ones and {max(0, limit - specials)} of text. Correct it in the "
            "folder of the model"
        )
    tokens = len(first) + len(second) + specials
    share = max(unknown_share(first, unknown), unknown_share(second, unknown))
    if tokens > limit:
        if error:
            raise TooLong(
                f"a pair may have at most {limit} tokens here, special tokens included, but pair "
                f"{number} (counted from 0) has {tokens}; shorten it, or choose on_long='truncate'"
            )
        a, b = longest_first(len(first), len(second), limit - specials)
        first, second = first[:a], second[:b]
    ids, segments = layout.wrap(first, second)
    return FittedPair(ids, segments, tokens, share)


def tells_segments(encoder: Encoder, tokenizer: Tokenizer) -> bool:
    """Whether a model is told which text of a pair a token is of.

    As `transformers` does it: a tokenizer may say that its model takes no segments.
    """
    return encoder.config.embedding.segments > 1 and tokenizer.settings.segments is not False


def checked_pair(numbered: tuple[int, Pair]) -> tuple[str, str]:
    """The two texts of a pair, which comes with its number.

    Raises:
        TokenizerError: it is no pair.
    """
    number, pair = numbered
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise TokenizerError(
            f"predict takes pairs of two texts, but number {number} (counted from 0) is "
            f"{shown(pair)}; write [(first, second)]"
        )
    return pair[0], pair[1]


def characters_of(pair: tuple[str, str]) -> int:
    """Characters of both texts."""
    return sum(map(length_of, pair))
