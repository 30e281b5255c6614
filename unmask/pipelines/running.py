"""What all pipelines share: ids to rows that fit, rows to flat batches, answers in order.

A row's answer does not depend on the rows beside it: each sequence attends to itself alone, and
answers are put back in the order of the input. What may differ is the rounding of the last bits,
because matrix products of other sizes add up in another order.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar, get_args

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.batches.order import shortest_first
from unmask.batches.pack import pack
from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError, TooLong
from unmask.pipelines.lanes import lanes_of, side_by_side
from unmask.tokens.encoded import batches, length_of
from unmask.tokens.layout import Layout

TOKENS = 2048
"""Tokens of a batch, special ones included; a single longer row is a batch by itself."""
WINDOW = 1024
"""Texts that are sorted by length together; also the most that a stream reads ahead."""
CHARACTERS = 1 << 22
"""A window ends with the text that reaches so many characters, so no more than these and one text
are held. `WINDOW` texts of a thousand tokens have as many; only of longer ones are fewer read
together."""

MOSTLY = 0.5
"""A text with a greater share of unknown tokens is mostly unknown. Full stops and digits are in
most vocabularies, so that a text in a foreign script seldom has unknown tokens alone."""

F32 = npt.NDArray[np.float32]
UNKNOWN = (
    "texts are mostly unknown tokens to this tokenizer, and what is said of them means little; "
    "use a model whose tokenizer knows the script"
)
A = TypeVar("A")
K = TypeVar("K", bound=Mapping[str, object])
T = TypeVar("T")
Tell = Callable[[float], None]
"""Told what share of a window has been read, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text as rows that fit the context.

    Attributes:
        rows: its token ids with special tokens; several rows where it was split.
        tokens: how many tokens it had before anything was cut, special tokens included.
        truncated: whether some of them are in no row.
        unknown: the share of its tokens that the tokenizer does not know, from 0 to 1.
    """

    rows: tuple[list[int], ...]
    tokens: int
    truncated: bool
    unknown: float


@dataclass(frozen=True, slots=True)
class Fit:
    """How texts are made to fit a model.

    Attributes:
        layout: the special tokens around a text.
        context: longest row, special tokens included.
        on_long: what happens to a longer text: "chunk" splits it into the fewest rows, as equal
            in length as can be; "truncate" keeps its beginning; "error" raises.
        unknown: the id of the unknown token, if the tokenizer has one.
        allowed: the words for `on_long` that make sense for what follows.
    """

    layout: Layout
    context: int
    on_long: OnLong
    unknown: int | None
    allowed: tuple[OnLong, ...] = field(default=get_args(OnLong))

    def __post_init__(self) -> None:
        if self.on_long not in self.allowed:
            raise ConfigError(
                f"on_long must be one of {', '.join(self.allowed)} here, not {self.on_long!r}"
            )
        if self.room < 1:
            raise ConfigError(
                f"a context must leave room for text, but {self.context} tokens hold only the "
                f"{self.context - self.room} special ones. Correct the longest length in the "
                "folder of the model"
            )

    @property
    def room(self) -> int:
        """Tokens of text that a row can hold."""
        return self.context - len(self.layout.prefix) - len(self.layout.suffix)

    def __call__(self, ids: Sequence[int], number: int = 0) -> Fitted:
        """One text's ids as rows.

        Args:
            ids: without special tokens around them; may be empty.
            number: which text it is, for the message.

        Raises:
            TooLong: it does not fit, under "error".
        """
        size, specials = len(ids), self.context - self.room
        unknown = unknown_share(ids, self.unknown)
        if size <= self.room:
            return Fitted((self._around(ids),), size + specials, False, unknown)
        if self.on_long == "error":
            others = " or ".join(f"{word!r}" for word in self.allowed if word != "error")
            raise TooLong(
                f"a text may have at most {self.context} tokens here, special tokens included, but "
                f"text {number} (counted from 0) has {size + specials}; shorten it, or choose "
                f"on_long={others}"
            )
        if self.on_long == "truncate":
            return Fitted((self._around(ids[: self.room]),), size + specials, True, unknown)
        pieces = -(-size // self.room)
        ends = [size * piece // pieces for piece in range(pieces + 1)]
        rows = tuple(self._around(ids[a:b]) for a, b in pairwise(ends))
        return Fitted(rows, size + specials, False, unknown)

    def _around(self, ids: Sequence[int]) -> list[int]:
        return [*self.layout.prefix, *ids, *self.layout.suffix]


def unknown_share(ids: Sequence[int], unknown: int | None) -> float:
    """The share of a text's tokens that the tokenizer does not know; 0 where there are none.

    Args:
        ids: without special tokens around them.
        unknown: the id of the unknown token; None where the tokenizer spells everything.
    """
    return ids.count(unknown) / len(ids) if ids and unknown is not None else 0.0


def mostly_unknown(share: float) -> bool:
    """Whether the tokenizer knows so little of a text that what is said of it means little.

    Args:
        share: of its tokens that are unknown; see `unknown_share`.
    """
    return share > MOSTLY


def windows(
    texts: Iterable[T],
    size: int = WINDOW,
    *,
    characters: int = CHARACTERS,
    length: Callable[[T], int] = length_of,
) -> Iterator[tuple[int, list[T]]]:
    """Texts that are read together, and the number of the first; reads ahead no further than that.

    Args:
        texts: texts, or things that hold some.
        size: the most of a window.
        characters: a window ends with the text that reaches so many.
        length: of one of them, in characters.
    """
    return batches(texts, size, characters=characters, length=length)


@contextmanager
def bar(doing: str, texts: Iterable[object], progress: bool) -> Iterator[Callable[..., Tell]]:
    """A bar on standard error within the block, where it is asked for.

    Args:
        doing: in words, such as "embedding".
        texts: all that are read; of those without a length the bar says how many were.
        progress: whether it is asked for.

    Yields:
        A function of a window's first number and its texts, which gives the `Tell` of `run`.
    """
    if not progress:
        yield lambda number, window: lambda share: None
        return
    from unmask.progress import Terminal  # brings rich, for this alone

    total = len(texts) if isinstance(texts, Sized) else None
    with Terminal().stage(doing) as advance:

        def within(number: int, window: Sized) -> Tell:
            def tell(share: float) -> None:
                done = number + int(share * len(window))
                if total is None:
                    advance(None, f"{done:,} read")
                else:
                    advance(done / total, f"{done:,} of {total:,}")

            return tell

        yield within


def by_length(rows: Sequence[Sequence[int]], tokens: int = TOKENS) -> Iterator[list[int]]:
    """Places of the rows of one batch after the other, shortest rows first."""
    return shortest_first([len(row) for row in rows], tokens)


def run(
    rows: Sequence[Sequence[int]],
    read: Callable[[Batch], Sequence[T]],
    device: torch.device | str,
    *,
    segments: Sequence[Sequence[int]] | None = None,
    tokens: int = TOKENS,
    tell: Tell | None = None,
    lanes: int | None = None,
) -> list[T]:
    """Answers for rows, in their order.

    Args:
        rows: token ids with special tokens.
        read: a batch on the device to one answer a row; called without gradients, on a CPU of
            several batches at once.
        device: where the model is.
        segments: of the rows' tokens, for pairs of texts.
        tokens: of a batch.
        tell: is told after every batch what share of the tokens has been read.
        lanes: batches at once; None for as many as the device is best at, 1 where `read` remembers
            something from batch to batch.
    """

    def made(places: list[int]) -> tuple[list[int], Sequence[T]]:
        parts = None if segments is None else [segments[place] for place in places]
        some = [rows[place] for place in places]
        return places, read(pack(some, samples=places, segments=parts).to(device))

    answers: dict[int, T] = {}
    whole, done = sum(map(len, rows)), 0
    lanes = lanes_of(device) if lanes is None else lanes
    batches = [*by_length(rows, evened(whole, tokens, lanes))]
    for places, found in side_by_side(made, batches[::-1], lanes):
        answers.update(zip(places, found, strict=True))
        done += sum(len(rows[place]) for place in places)
        if tell is not None:
            tell(done / max(1, whole))
    return [answers[place] for place in range(len(rows))]


def evened(whole: int, tokens: int, lanes: int) -> int:
    """The tokens of a batch, no more than `tokens`, so that all lanes have about as many batches.

    Args:
        whole: tokens of all rows.
        tokens: the most of a batch.
        lanes: batches at once.
    """
    batches = lanes * -(-whole // (tokens * lanes))
    # A batch ends before the row that does not fit, so a little more is needed to come to as many.
    return min(tokens, int(1.02 * whole / max(1, batches)) + 1)


def warned(
    answers: Iterable[A],
    cut: str,
    told: Callable[[A], tuple[bool, float]],
    given: Callable[[A], T],
) -> Iterator[T]:
    """What is made of answers; at their end a warning if texts were cut, and one if most of their
    tokens were unknown.

    Args:
        answers: one for each text.
        cut: of the first warning, behind "1 of 2 ".
        told: of an answer: whether its text was cut, and what share of its tokens is unknown.
        given: what is made of an answer.
    """
    read = cuts = strange = 0
    for answer in answers:
        truncated, unknown = told(answer)
        read += 1
        cuts += truncated
        strange += mostly_unknown(unknown)
        yield given(answer)
    if cuts:
        warnings.warn(f"{cuts} of {read} {cut}", stacklevel=3)
    if strange:
        warnings.warn(f"{strange} of {read} {UNKNOWN}", stacklevel=3)


def warned_keys(answers: Iterable[K], cut: str) -> Iterator[K]:
    """As `warned`, for answers with the keys `truncated` and `unknown`, which are given whole."""
    return warned(answers, cut, _told, lambda one: one)


def _told(answer: Mapping[str, object]) -> tuple[bool, float]:
    share = answer["unknown"]
    assert isinstance(share, float)
    return answer["truncated"] is True, share
