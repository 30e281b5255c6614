"""What the pages of all evaluations have in common: what was measured, and how it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import Difference

How = Literal["whole", "parts", "cut"]
"""How a row was read: at once, in several parts, or only its beginning."""
_WORST: tuple[How, ...] = ("cut", "parts", "whole")


@dataclass(frozen=True, slots=True)
class Against:
    """Another model on the same rows.

    Attributes:
        other: what it is called.
        differences: this model less the other, by figure; at least one.
        agreement: rows by who is right, by what the page says of them.
        verdict: what may be concluded.
    """

    other: str
    differences: tuple[Difference, ...]
    agreement: Mapping[str, int]
    verdict: str


@dataclass(frozen=True, slots=True)
class About:
    """What was measured.

    Attributes:
        model: what it is called.
        data: what it was measured on, in words.
        when: a date.
        skipped: bad places of the data that were left out.
        against: another model, or None.
    """

    model: str
    data: str
    when: str
    skipped: int
    against: Against | None


@dataclass(frozen=True, slots=True)
class Length:
    """How long a row is, and how it was read.

    Attributes:
        tokens: of it, before anything was cut.
        how: it was read.
    """

    tokens: int
    how: How

    @classmethod
    def of(cls, tokens: int, truncated: bool, context: int) -> Length:
        """From what an answer says of a text.

        Args:
            tokens: of the text.
            truncated: whether some of them were not read.
            context: tokens that the model reads at once.
        """
        return cls(tokens, "cut" if truncated else "parts" if tokens > context else "whole")

    @classmethod
    def longest(cls, lengths: Iterable[Length]) -> Length:
        """That of the longest of several texts, read as the worst of them."""
        known = list(lengths)
        hows = {one.how for one in known}
        how = next(one for one in _WORST if one in hows)
        return cls(max(one.tokens for one in known), how)


def check_rows(shown: Sequence[object], measured: int) -> None:
    """Check that the rows of a page are those of its figures.

    Raises:
        ConfigError: there are more or fewer.
    """
    if len(shown) != measured:
        raise ConfigError(
            f"a report shows the rows that its figures are of, but has {len(shown)} rows "
            f"for figures of {measured}"
        )
