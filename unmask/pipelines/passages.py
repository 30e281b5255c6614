"""A question and the text around its answer as rows: `[CLS] question [SEP] window [SEP]`.

A text longer than a row is read in windows that overlap (Devlin et al. 2018, section 4.2 and the
program published with it). They are all as long as a row allows and evenly spread, so that what
stands between two of them has as much text around it as can be.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError, TextError, TokenizerError, TooLong
from unmask.pipelines.overlapping import window_starts
from unmask.pipelines.running import unknown_share
from unmask.tokens.encoded import Encoded
from unmask.tokens.layout import PairLayout
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.words import Span


@dataclass(frozen=True, slots=True)
class Passage:
    """A question with its text as rows.

    Attributes:
        rows: token ids with special tokens, one row a window.
        segments: 0 or 1 for each of them, as the tokenizer tells the two texts apart.
        starts: for each row, the number of the text's token with which its window begins.
        before: how many tokens of a row stand before its window.
        size: how many tokens a window has; those of one text are equally long.
        spans: for each of the text's tokens that are read, the characters `(start, end)` of the
            original text that it stands for.
        tokens: how many tokens question and text had before anything was cut, with the special
            tokens of one row.
        truncated: whether some of them are in no row.
        unknown: the share of the text's tokens that are the unknown token, from 0 to 1.
    """

    rows: tuple[list[int], ...]
    segments: tuple[list[int], ...]
    starts: tuple[int, ...]
    before: int
    size: int
    spans: tuple[Span, ...]
    tokens: int
    truncated: bool
    unknown: float

    def tokens_of(self, start: int, end: int) -> tuple[int, int] | None:
        """First and last of the text's tokens that hold a part of its characters, or None."""
        first = bisect_right(self.spans, start, key=lambda span: span[1])
        last = bisect_left(self.spans, end, key=lambda span: span[0]) - 1
        return (first, last) if first <= last else None

    def places_of(self, start: int, end: int) -> list[tuple[int, int]] | None:
        """Where the first and the last token of an answer stand in each row.

        Args:
            start, end: its characters.

        Returns:
            One pair a row: `(0, 0)`, the row's first token, where its window does not hold the
            whole answer. None where no window does.
        """
        found = self.tokens_of(start, end)
        if found is None:
            return None
        first, last = found
        places = [
            (self.before + first - begin, self.before + last - begin)
            if begin <= first and last < begin + self.size
            else (0, 0)
            for begin in self.starts
        ]
        return places if any(place != (0, 0) for place in places) else None


@dataclass(frozen=True, slots=True)
class PassageFit:
    """How questions and texts become rows.

    Attributes:
        layout: the special tokens around both.
        limit: the longest row, special tokens included.
        overlap: tokens that neighbouring windows share at least, as far as a row leaves room; half
            of a window at most.
        on_long: what happens where question and text are longer than a row: "chunk" reads the
            text in windows, "truncate" its beginning, "error" raises. A question may fill half of
            a row; of a longer one the rest is cut off and counted, or refused under "error".
        unknown: the id of the unknown token.
    """

    layout: PairLayout
    limit: int
    overlap: int
    on_long: OnLong
    unknown: int | None = None

    def __post_init__(self) -> None:
        if self.on_long not in ("chunk", "truncate", "error"):
            raise ConfigError(
                f"on_long must be one of chunk, truncate, error, not {self.on_long!r}"
            )
        if not self.layout.before:
            raise TokenizerError(
                "to find answers takes a tokenizer that puts a special token before the first "
                "text, which stands for 'no answer' there, and this one puts none. Correct its "
                "post-processor"
            )
        if self.room < 2:
            raise ConfigError(
                "a row must leave room for a question and a text, but "
                f"{self.limit} tokens hold {self.limit - self.room} special ones and "
                f"{max(0, self.room)} of text. Choose longer rows"
            )

    @property
    def room(self) -> int:
        """Tokens of question and text that a row holds."""
        pair = self.layout
        return self.limit - len(pair.before) - len(pair.between) - len(pair.after)

    def __call__(self, question: Sequence[int], text: Encoded, number: int = 0) -> Passage:
        """One question with its text.

        Args:
            question: its ids, without special tokens.
            text: the text, without special tokens.
            number: which pair it is, for messages.

        Raises:
            TextError: the question or the text has no token.
            TooLong: they do not fit, under "error".
        """
        for what, ids in (("question", question), ("text", text.ids)):
            if not len(ids):
                raise TextError(
                    f"the {what} of pair {number} (counted from 0) must have words, and is empty; "
                    "leave the pair out"
                )
        tokens = len(question) + len(text) + self.limit - self.room
        if tokens > self.limit and self.on_long == "error":
            raise TooLong(
                f"a question with its text may have at most {self.limit} tokens here, special "
                f"tokens included, but pair {number} (counted from 0) has {tokens}; shorten it, "
                "or choose on_long='chunk' or 'truncate'"
            )
        asked = list(question[: self.room // 2 if tokens > self.limit else None])
        size = min(len(text), self.room - len(asked))
        read = len(text) if self.on_long == "chunk" else size
        starts = window_starts(read, size, self.overlap)
        wrapped = [self.layout.wrap(asked, text.ids[a : a + size]) for a in starts]
        return Passage(
            rows=tuple(ids for ids, _ in wrapped),
            segments=tuple(segments for _, segments in wrapped),
            starts=starts,
            before=len(self.layout.before) + len(asked) + len(self.layout.between),
            size=size,
            spans=text.offsets[:read],
            tokens=tokens,
            truncated=len(asked) < len(question) or read < len(text),
            unknown=unknown_share(text.ids, self.unknown),
        )


def passages(
    pairs: Sequence[tuple[str, str]], tokenizer: Tokenizer, fit: PassageFit, number: int = 0
) -> list[Passage]:
    """Questions with their texts as rows.

    Args:
        pairs: question and text.
        tokenizer: of the model.
        fit: how they become rows.
        number: of the first pair, for messages.

    Raises:
        TokenizerError: something is no text.
        TextError, TooLong: see `PassageFit`.
    """
    questions = tokenizer.ids_stream([question for question, _ in pairs], number=number)
    texts = [text for _, text in pairs]
    asked = list(questions)
    try:
        # Data often asks several questions of one text.
        distinct = list(dict.fromkeys(texts))
        encoded = dict(zip(distinct, tokenizer.encode_stream(distinct), strict=True))
    except TokenizerError:
        for _ in tokenizer.ids_stream(texts, number=number):  # names the pair rather than the text
            pass
        raise
    rows = zip(asked, texts, strict=True)
    return [fit(ids, encoded[text], place) for place, (ids, text) in enumerate(rows, number)]
