"""Which scheme some tags are of, told by looking at them; see `unmask.text.tags`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from unmask.errors import DataError
from unmask.text.tags import BIO, BIOES, IOB1, OUTSIDE, PLAIN, PREFIXED, Scheme, Tag


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
        for found in map(PREFIXED.fullmatch, names)
        if found is not None and (found[2] or bare)
    }


def _check_all_prefixed(sentences: Sequence[Sequence[str]], at: Callable[[int, int], str]) -> None:
    bare = all(len(tag) == 1 for tags in sentences for tag in tags)
    for number, tags in enumerate(sentences):
        for place, tag in enumerate(tags):
            found = PREFIXED.fullmatch(tag)
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
