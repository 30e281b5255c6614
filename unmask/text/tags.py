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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from unmask.errors import DataError

SchemeName = Literal["plain", "BIO", "IOB1", "BIOES"]
OUTSIDE = "O"
_PREFIXED = re.compile(r"([BIES])(?:-(.+))?", re.DOTALL)


class WordSpan(NamedTuple):
    """A span of words: those from number `first` up to, and without, `end`; and its type."""

    first: int
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
        found = _PREFIXED.fullmatch(tag)
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


def scheme_of_labels(labels: Iterable[str]) -> Scheme:
    """The scheme of a model's labels, which are all that is known of it.

    With B- and I- alone it is BIO, unless some type has no B-x, which only IOB1 can do without.
    """
    found = _prefixed(labels)
    if not found:
        return PLAIN
    if any(prefix in "ES" for prefix, _ in found):
        return BIOES
    begun = {label for prefix, label in found if prefix == "B"}
    return BIO if begun >= {label for _, label in found} else IOB1


def scheme_of_sentences(
    sentences: Sequence[Sequence[str]], at: Callable[[int, int], str]
) -> Scheme:
    """The scheme that tags follow, told by looking at all of them.

    Args:
        sentences: the tags of each.
        at: the place of a tag, for messages: `file:line` of a sentence's number and the tag's.

    Raises:
        DataError: some tags have prefixes and others have none, or no scheme allows what follows
            what; the message has the first place that is wrong by the scheme that comes nearest.
    """
    known = {tag for tags in sentences for tag in tags}
    prefixed = _prefixed(known)
    if not prefixed:
        return PLAIN
    _check_all_prefixed(sentences, at)
    candidates = [BIOES] if any(prefix in "ES" for prefix, _ in prefixed) else [BIO, IOB1]
    pairs = Counter(pair for tags in sentences for pair in pairwise((OUTSIDE, *tags, OUTSIDE)))
    faults = [
        sum(n for (a, b), n in pairs.items() if not scheme.allowed(scheme.read(a), scheme.read(b)))
        for scheme in candidates
    ]
    nearest = candidates[faults.index(min(faults))]
    if min(faults):
        raise _broken(nearest, min(faults), sentences, at)
    return nearest


def _prefixed(tags: Iterable[str]) -> set[Tag]:
    """The tags with a prefix. Bare letters are prefixes only where no other kind of tag is."""
    names = set(tags)
    bare = names <= {OUTSIDE, *"BIES"} and OUTSIDE in names
    return {
        Tag(found[1], found[2] or "")
        for found in map(_PREFIXED.fullmatch, names)
        if found is not None and (found[2] or bare)
    }


def _check_all_prefixed(sentences: Sequence[Sequence[str]], at: Callable[[int, int], str]) -> None:
    bare = all(len(tag) == 1 for tags in sentences for tag in tags)
    for number, tags in enumerate(sentences):
        for place, tag in enumerate(tags):
            found = _PREFIXED.fullmatch(tag)
            if tag != OUTSIDE and (found is None or not (found[2] or bare)):
                raise DataError(
                    f"{at(number, place)}: tags must all be O or have one of the prefixes B-, I-, "
                    f"E- and S-, or none may have one, but this is {tag!r} and others have one. "
                    "Write it as the others are (L- as E-, U- as S-), or choose another column "
                    "with --label-column"
                )


def _broken(
    scheme: Scheme, count: int, sentences: Sequence[Sequence[str]], at: Callable[[int, int], str]
) -> DataError:
    number, place = next(
        (number, place)
        for number, tags in enumerate(sentences)
        if (place := scheme.fault(tags)) is not None
    )
    tags = (*sentences[number], "the end of the sentence")
    before = repr(tags[place - 1]) if place else "the beginning of a sentence"
    here = repr(tags[place]) if place < len(tags) - 1 else tags[place]
    return DataError(
        f"{at(number, min(place, len(tags) - 2))}: tags must follow one scheme, and these come "
        f"nearest to {scheme.name}, in which {scheme.rule}; but here {here} follows {before} "
        f"({count:,} such place{'s' * (count > 1)} in the file). Correct the tags"
    )
