"""What a tokenizer puts around one text, and around and between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import tokenizers

from unmask.errors import TokenizerError
from unmask.tokens.backend import Raw, guarded


@dataclass(frozen=True, slots=True)
class PairLayout:
    """Special ids around two texts A and B, as `before A between B after`.

    Attributes:
        before, between, after: the special ids at the three places.
        segments: the segment id of `before`, A, `between`, B and `after`, token by token for the
            special ones: five tuples, of which the second and the fourth hold one value, for A and
            for B.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    segments: tuple[tuple[int, ...], ...]

    def wrap(self, first: Sequence[int], second: Sequence[int]) -> tuple[list[int], list[int]]:
        """Ids of a pair with its special tokens, and the segment id of each."""
        ids = [*self.before, *first, *self.between, *second, *self.after]
        before, a, between, b, after = self.segments
        segments = [*before, *a * len(first), *between, *b * len(second), *after]
        return ids, segments


@dataclass(frozen=True, slots=True)
class Layout:
    """Special ids around a single text (`prefix`, `suffix`), and around two (`pair`)."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pair: PairLayout

    @property
    def ids(self) -> frozenset[int]:
        """All special ids that the layout uses."""
        pair = self.pair
        return frozenset((*self.prefix, *self.suffix, *pair.before, *pair.between, *pair.after))


def read_layout(raw: Raw, where: str) -> Layout:
    """Find out a tokenizer's layout by showing its post-processor two texts of one token.

    Asking it, rather than reading its JSON, works for every kind of post-processor.

    Raises:
        TokenizerError: the post-processor fails, has a special token under an id that is not its
            own, leaves a text out, repeats it, or puts the second before the first.
    """
    with guarded(f"{where} has a post-processor that does not work"):
        single = raw.post_process(_dummy())
        pair = raw.post_process(_dummy(), _dummy(segment=1))
    for encoding in (single, pair):
        _check_names(encoding, raw, where)
    one, two = _places(single, [0], where), _places(pair, [0, 1], where)
    ids, types = single.ids, pair.type_ids
    cuts = (0, two[0], two[0] + 1, two[1], two[1] + 1, len(types))
    parts = [slice(a, b) for a, b in pairwise(cuts)]
    before, _, between, _, after = (tuple(pair.ids[part]) for part in parts)
    return Layout(
        prefix=tuple(ids[: one[0]]),
        suffix=tuple(ids[one[0] + 1 :]),
        pair=PairLayout(before, between, after, tuple(tuple(types[part]) for part in parts)),
    )


def _dummy(segment: int = 0) -> tokenizers.Encoding:
    """One text of one token. Its id does not matter: the post-processor does not look at it."""
    text = tokenizers.PreTokenizedString("x")
    text.tokenize(lambda _: [tokenizers.Token(0, "x", (0, 1))])
    return text.to_encoding(type_id=segment)


def _check_names(encoding: tokenizers.Encoding, raw: Raw, where: str) -> None:
    """A post-processor keeps ids of its own, which nothing else holds to the vocabulary."""
    if len(encoding.tokens) != len(encoding.ids):
        raise TokenizerError(f"{where} has a post-processor with more ids than tokens. Correct it")
    rows = zip(encoding.ids, encoding.tokens, encoding.sequence_ids, strict=True)
    for index, token, text in rows:
        if text is None and raw.token_to_id(token) != index:
            raise TokenizerError(
                f"{where} has a post-processor that gives {token!r} the id {index}, but in the "
                f"vocabulary it has {raw.token_to_id(token)}. Correct the post-processor"
            )


def _places(encoding: tokenizers.Encoding, expected: list[int], where: str) -> list[int]:
    """The positions of the texts' own tokens."""
    texts = [(place, text) for place, text in enumerate(encoding.sequence_ids) if text is not None]
    if [text for _, text in texts] != expected:
        raise TokenizerError(
            f"{where} has a post-processor that does not keep every text once and in order: of "
            f"{len(expected)} texts it makes {encoding.sequence_ids}. Correct its template"
        )
    return [place for place, _ in texts]
