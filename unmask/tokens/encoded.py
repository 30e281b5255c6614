"""One text as tokens, and texts in batches."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import TypeVar

import tokenizers

from unmask.errors import TokenizerError
from unmask.tokens.layout import Layout
from unmask.tokens.words import Span, trim, word_map

_BATCH_CHARACTERS = 1_000_000  # a batch ends here, however few texts it holds
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text as tokens.

    Attributes:
        ids: token ids, (T,).
        offsets: for each token the characters `(start, end)` of the original text that it stands
            for, without white space at the ends unless it holds nothing else, and with the marks
            that a normaliser took off a letter; `(0, 0)` for special tokens around the text.
        words: for each token the number of its word within the text, see `unmask.tokens.words`;
            None for special tokens, a mask in the text among them. An unknown token has a word.
    """

    ids: tuple[int, ...]
    offsets: tuple[Span, ...]
    words: tuple[int | None, ...]

    def __len__(self) -> int:
        """The number of tokens, T."""
        return len(self.ids)


def read_encoding(
    text: str, encoding: tokenizers.Encoding, silent: Set[int], layout: Layout | None
) -> Encoded:
    """Make an `Encoded` of what the library gave for a text.

    Args:
        text: the text.
        encoding: its encoding, without special tokens around it and with untrimmed offsets.
        silent: ids that have no word.
        layout: the special tokens to put around it, or None for none.
    """
    ids, spans = encoding.ids, encoding.offsets
    spoken = [index not in silent for index in ids]
    numbers = iter(word_map(text, [span for span, has in zip(spans, spoken, strict=True) if has]))
    words = [next(numbers) if has else None for has in spoken]
    offsets = _with_marks(text, [trim(text, span) for span in spans])
    if layout:
        before, after = layout.prefix, layout.suffix
        ids = [*before, *ids, *after]
        words = [None] * len(before) + words + [None] * len(after)
        offsets = [(0, 0)] * len(before) + offsets + [(0, 0)] * len(after)
    return Encoded(tuple(ids), tuple(offsets), tuple(words))


def _with_marks(text: str, offsets: list[Span]) -> list[Span]:
    """Give combining marks that no token covers to the token before them.

    A normaliser that composes characters or strips accents leaves the marks behind, and a slice of
    the text by such offsets would cut a letter in two.
    """
    if text.isascii():
        return offsets
    whole: list[Span] = []
    following: Span = (len(text), len(text))
    for span in reversed(offsets):
        start, reach = span
        if span == following:  # the bytes of one character
            reach = whole[-1][1]
        while start < reach < following[0] and unicodedata.category(text[reach])[0] == "M":
            reach += 1
        whole.append((start, reach))
        following = span
    return whole[::-1]


def length_of(text: object) -> int:
    """Characters of a text; none of what is no text, which is refused when it is encoded."""
    return len(text) if isinstance(text, str) else 0


def batches(
    texts: Iterable[T],
    size: int,
    *,
    characters: int = _BATCH_CHARACTERS,
    length: Callable[[T], int] = length_of,
) -> Iterator[tuple[int, list[T]]]:
    """Lists of texts, and the index of the first text of each.

    Args:
        texts: texts, or things that hold some.
        size: the most that a list has.
        characters: a list ends with the text that reaches so many.
        length: of one of them, in characters.

    Raises:
        TokenizerError: a batch would hold less than one text.
    """
    if size < 1:
        raise TokenizerError(f"a batch must hold at least one text, not {size}")
    first, filled = 0, 0
    some: list[T] = []
    for text in texts:
        some.append(text)
        filled += length(text)
        if len(some) == size or filled >= characters:
            yield first, some
            first, filled, some = first + len(some), 0, []
    if some:
        yield first, some
