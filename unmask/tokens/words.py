"""Which tokens form a word: a map from tokens to word numbers that holds for any tokenizer.

Tokenizers disagree on what their own word numbers mean. WordPiece isolates Chinese characters, a
byte-level tokenizer calls a whole Chinese clause one word, Metaspace glues punctuation to its
neighbour, and some post-processors trim the spaces off the offsets while others keep them. So the
numbers here come from the text itself, and the tokens are laid over it:

1. The text is cut into *segments*, which never hold white space. A punctuation mark or a symbol is
   a segment of its own, an emoji with all its joined parts too. In scripts written without spaces
   (Han, Kana, Bopomofo, Yi, and the scripts of line-breaking class SA: Thai, Lao, Khmer, Myanmar,
   Tai) each character with its marks is one. Any other run of letters, digits and marks is one.
   The classes are those of the Unicode character database; class SA is from Unicode annex 14.
2. A token belongs to all segments that it touches. Where one token touches several, they are one
   word from then on. Tokens that share a character share a segment, hence a word.

A token of white space alone makes a word with its neighbours of the same kind, except that one
space right before a word belongs to that word, as byte-level tokenizers write it.

Where a segmenter has marked the words of a text (`unmask.tokens.marks`), letters of all scripts
make one run, which ends at the marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Sequence
from functools import cache

Span = tuple[int, int]

# The characters with the Unicode property White_Space. `str.isspace` adds U+001C to U+001F, which
# tokenizers take for control characters.
SPACES = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)

# Blocks of scripts that put no space between words. Digits, marks and punctuation in them are
# recognised by their category first.
_UNSPACED_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3007),  # Han iteration mark and zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x303C),  # Kana repeat marks
    (0x3041, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo extended
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0xA4CF),  # Han, Yi
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x11700, 0x1174F),  # Ahom
    (0x16FE0, 0x18D8F),  # Tangut, Khitan, Nushu
    (0x1AFF0, 0x1B2FF),  # Kana extensions, Nushu
    (0x20000, 0x3FFFD),  # Han extensions
)
# The vowel AM of Thai and Lao is a letter by category but stays with the letter before it.
_AM = "\u0e33\u0eb3"
# After one of these invisible signs a letter is written below the one before.
_STACKERS = "\u1039\u17d2\u1a60"
_JOINER = "\u200d"
_SKIN_TONES = "\U0001f3fb-\U0001f3ff"
_TAGS = "\U000e0020-\U000e007f"
_FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"
_ZERO_WIDTH_SPACE = "\u200b"


# What the classes below tell apart, by category; all others are "L".
_LETTERS = {
    **dict.fromkeys(("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So"), "P"),
    **dict.fromkeys(("Mc", "Me", "Mn"), "M"),
    "Nd": "D",
}


def _letters(first: int, end: int) -> str:
    """One letter for each code point; as a string, since `re` finds runs in it at once."""
    found = map(unicodedata.category, map(chr, range(first, end)))
    return "".join([_LETTERS.get(category, "L") for category in found])


def _runs(letters: str, wanted: str, first: int = 0) -> str:
    """The inside of a regular expression's [...] for the code points of some letters.

    Args:
        letters: of ascending code points.
        wanted: a regular expression for a run of letters.
        first: the first code point.
    """
    spans = (match.span() for match in re.finditer(wanted, letters))
    return "".join(f"{re.escape(chr(first + a))}-{re.escape(chr(first + b - 1))}" for a, b in spans)


@cache
def _classes() -> tuple[str, str, str, str]:
    """Signs, marks, characters of unspaced scripts, and one character of a run, as patterns."""
    # Nothing between the last Han extension and the tags has a class that matters here.
    letters, tags = _letters(0, 0x32400), _letters(0xE0000, 0xE0200)
    signs = _runs(letters, "P+") + _runs(tags, "P+", 0xE0000) + _ZERO_WIDTH_SPACE
    marks = _runs(letters, "M+") + _runs(tags, "M+", 0xE0000)
    unspaced = "".join(
        _runs(letters[first : last + 1].ljust(last + 1 - first, "L"), "L+", first)
        for first, last in _UNSPACED_BLOCKS
    )
    # The second class would do alone. The first, Latin to Sinhala, is one that `re` finds at once.
    spaced = _UNSPACED_BLOCKS[0][0]
    near = _runs(
        "".join([" " if chr(p) in SPACES else letters[p] for p in range(spaced)]), "[^P ]+"
    )
    run = rf"(?:[{near}]|[^{re.escape(SPACES)}{signs}{unspaced}])"
    return signs, marks, unspaced, run


@cache
def _segment_pattern() -> re.Pattern[str]:
    signs, marks, unspaced, run = _classes()
    extension = f"[{marks}{_JOINER}\u200c{_SKIN_TONES}{_TAGS}{_AM}]"
    return re.compile(
        rf"{run}+"
        rf"|{_signs(signs, extension)}"
        rf"|[{unspaced}](?:{extension}|(?<=[{_STACKERS}])[{unspaced}])*"
    )


@cache
def _marked_pattern() -> re.Pattern[str]:
    signs, marks, unspaced, run = _classes()
    extension = f"[{marks}{_JOINER}\u200c{_SKIN_TONES}{_TAGS}{_AM}]"
    return re.compile(rf"(?:{run}|[{unspaced}]{extension}*)+|{_signs(signs, extension)}")


def _signs(signs: str, extension: str) -> str:
    """A punctuation mark, a symbol, a flag or an emoji with all its parts, as a pattern."""
    return rf"(?:[{_FLAG_LETTERS}]{{2}}|[{signs}])(?:{_JOINER}[{signs}]|{extension})*"


def segments(text: str) -> list[Span]:
    """Cut a text into the smallest units that whole-word operations never split.

    Returns:
        Character spans `(start, end)`, ascending, not overlapping, covering every character that
        is not white space and none that is.
    """
    return [match.span() for match in _segment_pattern().finditer(text)]


def marked_segments(text: str, breaks: Iterable[int]) -> list[Span]:
    """Cut a text whose words are given into words, punctuation marks and symbols.

    Args:
        text: without the marks.
        breaks: the places where they stood, ascending: a word ends before `text[place]`.

    Returns:
        Character spans as `segments` gives them; a run of letters of whatever script is one,
        unless a break lies inside.
    """
    return cut_at((match.span() for match in _marked_pattern().finditer(text)), breaks)


def cut_at(spans: Iterable[Span], breaks: Iterable[int]) -> list[Span]:
    """Spans, ascending and apart from each other, cut where a break lies inside one.

    Args:
        breaks: ascending; a part ends before `text[place]`.
    """
    rest = deque(breaks)
    found: list[Span] = []
    for start, end in spans:
        while rest and rest[0] < end:
            if (place := rest.popleft()) > start:
                found.append((start, place))
                start = place
        found.append((start, end))
    return found


def trim(text: str, span: Span) -> Span:
    """The span without the white space at its ends; a span of white space alone stays as it is."""
    start, end = span
    while start < end and text[end - 1] in SPACES:
        end -= 1
    if start == end:
        return span
    while text[start] in SPACES:
        start += 1
    return start, end


def word_map(text: str, spans: Sequence[Span], cuts: Sequence[Span] | None = None) -> list[int]:
    """Number the word that each token belongs to.

    Args:
        text: the text that was tokenized.
        spans: for each token the characters `(start, end)` that it stands for, in the order of the
            tokens, spaces included where the token holds them. A token that the tokenizer put in
            by itself may have an empty span.
        cuts: the segments of the text; None for `segments(text)`.

    Returns:
        One number a token: starting at 0, never falling, rising by at most one. Words are as the
        module's text has it; no word crosses white space unless one of its tokens does.
    """
    ends = [end for _, end in (segments(text) if cuts is None else cuts)]
    words: list[int] = []
    blank: list[Span] = []  # white-space tokens that wait to learn whom they belong to
    word, reach, place = -1, 0, 0  # the word being built, where its last segment ends, its number
    for span in spans:
        start, end = trim(text, span)
        if start == end or text[start] in SPACES:
            blank.append(span)
            continue
        if start < reach:
            words += [word] * (len(blank) + 1)
        else:
            leads = bool(blank) and _leads(text, blank[-1], span[0], start)
            if len(blank) > leads:
                word += 1
                words += [word] * (len(blank) - leads)
            word += 1
            words += [word] * (leads + 1)
        blank.clear()
        if end > reach:
            while ends[place] < end:
                place += 1
            reach = ends[place]
    return words + [word + 1] * len(blank)


def _leads(text: str, blank: Span, raw_start: int, start: int) -> bool:
    """Whether a white-space token is the space of the token that follows it."""
    return raw_start == start == blank[1] and text[blank[0] : blank[1]] in ("", " ")
