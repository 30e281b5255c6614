"""Texts as words that carry a label each: where every word begins among the tokens.

The words are those of the tokenizer's word map (`unmask.tokens.words`), for raw text and for words
that are given alike, so that a model reads in use what it learnt. Given words are joined by one
space; one may come to several words of the map ("U.S." to four), and each of those knows whose
part it is. A given word of which the tokenizer makes nothing, such as a character without width,
has no word of the map, and moves no other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, tee

from unmask.errors import TokenizerError, shown
from unmask.text.tags import CharSpan, WordSpan
from unmask.tokens.encoded import Encoded
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.words import SPACES, Span

Source = str | Sequence[str]
"""Raw text, or the words of one."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A text as tokens and words.

    Attributes:
        text: what was tokenised: the raw text, or the given words joined by spaces.
        ids: `(T,)` token ids, without special tokens around them.
        pieces: `(W,)` the first token of each word that is no white space alone, ascending.
        spans: `(W,)` the characters of the text that each word stands for.
        owners: `(W,)` the given word that each is a part of, or begins in, ascending; of raw text,
            which is its own measure, None.
        given: `(G,)` the characters of the given words; of raw text None.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[int, ...]
    spans: tuple[Span, ...]
    owners: tuple[int, ...] | None = None
    given: tuple[Span, ...] | None = None

    @classmethod
    def of(cls, text: str, encoded: Encoded, given: tuple[Span, ...] | None) -> Worded:
        """What an encoding says of words; a word of white space alone is none."""
        pieces: list[int] = []
        spans: list[Span] = []
        last = None
        for place, (word, (start, end)) in enumerate(
            zip(encoded.words, encoded.offsets, strict=True)
        ):
            if word is None or start == end or text[start] in SPACES:
                continue
            if word == last:
                spans[-1] = (min(spans[-1][0], start), max(spans[-1][1], end))
            else:
                pieces.append(place)
                spans.append((start, end))
                last = word
        owners = None
        if given is not None:
            starts = [start for start, _ in given]
            owners = tuple(bisect_right(starts, start) - 1 for start, _ in spans)
        return cls(text, encoded.ids, tuple(pieces), tuple(spans), owners, given)

    def __len__(self) -> int:
        """W, the number of words."""
        return len(self.pieces)

    @property
    def inner(self) -> list[bool]:
        """`(W,)` whether a word is of the same given word as the one before it."""
        if self.owners is None:
            return [False] * len(self)
        return [a == b for a, b in zip((-1, *self.owners), self.owners, strict=False)]

    def inwards(self, spans: Iterable[WordSpan]) -> list[WordSpan]:
        """Spans of given words as spans of words; one whose words have no tokens is left out."""
        owners = self.owners
        if owners is None:
            return list(spans)
        found = (
            WordSpan(bisect_left(owners, span.first), bisect_left(owners, span.end), span.label)
            for span in spans
        )
        return [span for span in found if span.first < span.end]

    def touched(self, spans: Iterable[CharSpan]) -> list[WordSpan]:
        """Spans of characters, ascending, as spans of all words of which they have a character.

        Where two share a word it is the first one's; a span that has no word is left out.
        """
        starts, ends = zip(*self.spans, strict=True) if self.spans else ((), ())
        found: list[WordSpan] = []
        for start, end, label in spans:
            first, last = bisect_right(ends, start), bisect_left(starts, end)
            first = max(first, found[-1].end) if found else first
            if first < last:
                found.append(WordSpan(first, last, label))
        return found

    def characters(self, span: WordSpan) -> CharSpan:
        """A span of words as the characters from the first word to the last."""
        return CharSpan(self.spans[span.first][0], self.spans[span.end - 1][1], span.label)

    def outwards(self, spans: Iterable[WordSpan]) -> list[WordSpan]:
        """The inverse of `inwards`; what lies within one given word becomes one span."""
        owners = self.owners
        if owners is None:
            return list(spans)
        found: list[WordSpan] = []
        for span in spans:
            first, end = owners[span.first], owners[span.end - 1] + 1
            if not found or first >= found[-1].end:
                found.append(WordSpan(first, end, span.label))
        return found


def worded_stream(
    tokenizer: Tokenizer, sources: Iterable[Source], *, number: int = 0
) -> Iterator[Worded]:
    """Texts, or lists of their words, as tokens and words.

    Args:
        number: of the first, for messages, where these are a part of a stream.

    Raises:
        TokenizerError: one is neither a str nor a list of str, or holds a lone surrogate; its
            number is named.
    """
    joined, read = tee(_joined(one, place) for place, one in enumerate(sources, number))
    encoded = tokenizer.encode_stream((text for text, _ in read), number=number)
    for (text, given), one in zip(joined, encoded, strict=True):
        yield Worded.of(text, one, given)


def _joined(source: Source, number: int) -> tuple[str, tuple[Span, ...] | None]:
    """A text, and the characters of its words where they were given."""
    if isinstance(source, str):
        return source, None
    if not isinstance(source, list | tuple):
        raise TokenizerError(
            f"a text must be a str, or a list of the words of one, but text {number} is a "
            f"{type(source).__name__}"
        )
    for word in source:
        if not isinstance(word, str):
            raise TokenizerError(
                f"a text given as words must be a list of str, but text {number} has "
                f"{shown(word)} among them"
            )
    ends = accumulate(len(word) + 1 for word in source)
    spans = ((end - 1 - len(word), end - 1) for end, word in zip(ends, source, strict=True))
    return " ".join(source), tuple(spans)
