"""Tag schemes: how tags of single words say where spans of words begin and end.

| scheme | a span of type x | what is allowed |
|---|---|---|
| plain | one word, whose tag is x: parts of speech | every tag after every tag |
| BIO | B-x, then I-x | I-x after B-x or I-x alone |
| IOB1 | I-x; at first B-x where a span of x ends right before | B-x after those two alone |
| BIOES | S-x for one word; else B-x, I-x and at last E-x | what is begun goes on until it ends |

A word with the tag O is in no span. IOB1 is Ramshaw and Marcus 1995; the names of the others follow
Tjong Kim Sang and Veenstra 1999, who call BIO IOB2. Tags may also be bare prefixes (B, I, O), of
one type without a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

SchemeName = Literal["plain", "BIO", "IOB1", "BIOES"]
OUTSIDE = "O"
PREFIXED = re.compile(r"([BIES])(?:-(.+))?", re.DOTALL)


class WordSpan(NamedTuple):
    """A span of words: those from number `first` up to, and without, `end`; and its type."""

    first: int
    end: int
    label: str


class CharSpan(NamedTuple):
    """A span of characters: `text[start:end]`; and its type."""

    start: int
    end: int
    label: str


class Tag(NamedTuple):
    """A tag as prefix and type: ("B", "x") for B-x, ("", "x") for a plain x, ("", "") for O."""

    prefix: str
    label: str


OUT = Tag("", "")


@dataclass(frozen=True)
class Scheme:
    """One way to write spans as tags.

    Attributes:
        name: what it is called.
        prefixes: those that a type's tags have, the first word's first; empty in plain tags.
        rule: what is allowed, in words, for messages.
        allowed: whether one tag may follow another; `OUT` stands for the ends of a sentence.
        write: the prefixes of a span, of so many words, and whether one of its type ends right
            before.
    """

    name: SchemeName
    prefixes: tuple[str, ...]
    rule: str
    allowed: Callable[[Tag, Tag], bool]
    write: Callable[[int, bool], Iterator[str]]

    def read(self, tag: str) -> Tag:
        """A tag's parts; where tags have prefixes, one without any is outside."""
        if not self.prefixes:
            return OUT if tag == OUTSIDE else Tag("", tag)
        found = PREFIXED.fullmatch(tag)
        return OUT if found is None else Tag(found[1], found[2] or "")

    def spans(self, tags: Sequence[str]) -> list[WordSpan]:
        """The spans of a sentence; where its tags are not valid, a span begins as well."""
        found: list[WordSpan] = []
        before = OUT
        for place, text in enumerate(tags):
            tag = self.read(text)
            if tag != OUT:
                if joined(before, tag):
                    found[-1] = found[-1]._replace(end=place + 1)
                else:
                    found.append(WordSpan(place, place + 1, tag.label))
            before = tag
        return found

    def tags(self, spans: Iterable[WordSpan], words: int) -> list[str]:
        """The tags of so many words; the inverse of `spans`.

        Args:
            spans: in their order, none over another. In plain tags each of a span's words gets the
                label, so that only a span of one word comes back.
        """
        tags = [OUTSIDE] * words
        last = WordSpan(0, 0, "")
        for span in spans:
            adjacent = span.first > 0 and (last.end, last.label) == (span.first, span.label)
            prefixes = self.write(span.end - span.first, adjacent)
            tags[span.first : span.end] = [tag_name(one, span.label) for one in prefixes]
            last = span
        return tags

    def fault(self, tags: Sequence[str]) -> int | None:
        """The first word whose tag may not stand there, or None; past the last word where the
        sentence may not end."""
        ends = [OUTSIDE, *tags, OUTSIDE]
        for place, (before, tag) in enumerate(pairwise(ends)):
            if not self.allowed(self.read(before), self.read(tag)):
                return place
        return None

    def labels(self, types: Iterable[str]) -> tuple[str, ...]:
        """All tags that spans of these types can need, in the order in which a model numbers them.

        Args:
            types: of spans; in plain tags, the tags themselves, O among them where there is one.
        """
        names = sorted(set(types))
        if not self.prefixes:
            return tuple(names)
        return (OUTSIDE, *(tag_name(prefix, name) for name in names for prefix in self.prefixes))

    def types(self, labels: Iterable[str]) -> set[str]:
        """The types of spans that some tags are for; the inverse of `labels`."""
        if not self.prefixes:
            return set(labels)
        return {tag.label for tag in map(self.read, labels) if tag != OUT}


def tag_name(prefix: str, label: str) -> str:
    """A tag as it is written."""
    return f"{prefix}-{label}" if prefix and label else prefix or label


def joined(before: Tag, tag: Tag) -> bool:
    """Whether a tag goes on with the span of the tag before it; the same in every scheme."""
    return tag.prefix in ("I", "E") and _open(before) and before.label == tag.label


def _open(tag: Tag) -> bool:
    return tag.prefix in ("B", "I")


def _ends(inner: str, last: str, single: str) -> Callable[[int, bool], Iterator[str]]:
    """The writer of spans that begin with B."""

    def write(words: int, adjacent: bool) -> Iterator[str]:
        if words == 1:
            yield single
            return
        yield "B"
        yield from inner * (words - 2)
        yield last

    return write


def _iob1(words: int, adjacent: bool) -> Iterator[str]:
    yield "B" if adjacent else "I"
    yield from "I" * (words - 1)


def _plain(words: int, adjacent: bool) -> Iterator[str]:
    return iter([""] * words)


PLAIN = Scheme("plain", (), "every tag may follow every other", lambda before, tag: True, _plain)
BIO = Scheme(
    "BIO", ("B", "I"), "I-x goes on with a span of x, so B-x or I-x must stand before it",
    lambda before, tag: tag.prefix != "I" or joined(before, tag), _ends("I", "I", "B"),
)  # fmt: skip
IOB1 = Scheme(
    "IOB1", ("B", "I"), "B-x parts a span from one of x that ends right before it",
    lambda before, tag: tag.prefix != "B" or (_open(before) and before.label == tag.label),
    _iob1,
)  # fmt: skip
BIOES = Scheme(
    "BIOES", ("B", "I", "E", "S"),
    "B-x is followed by I-x or E-x until E-x ends the span, and a span of one word is S-x",
    lambda before, tag: joined(before, tag) if _open(before) else tag.prefix not in ("I", "E"),
    _ends("I", "E", "S"),
)  # fmt: skip
SCHEMES = {scheme.name: scheme for scheme in (PLAIN, BIO, IOB1, BIOES)}
