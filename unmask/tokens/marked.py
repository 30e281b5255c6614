"""Texts with marked characters as words with tags: the smallest units of a text, cut at spans.

Such words are the measure in which spans of characters are compared, whatever a tokenizer makes of
the text. What a model reads is the text itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError
from unmask.text.bad import Reading, none_read
from unmask.text.labelled import check_spelling
from unmask.text.marked import marked_columns, read_marked
from unmask.text.readers import kind_of
from unmask.text.rows import Table
from unmask.text.tagged import LISTS, Tagged, read_tagged
from unmask.text.tags import BIO, CharSpan, Scheme, WordSpan
from unmask.tokens.words import SPACES, Span, cut_at, segments, trim

Spans = Sequence[tuple[int, int, str]]
"""Spans of a sentence: of the file's words (`WordSpan`), or of a text's characters (`CharSpan`)."""
# Control and format characters, those of private use and unassigned ones: what BERT's tokenizer
# drops from a text, and others keep. The replacement character goes the same way there.
_DROPPED, _REPLACEMENT = ("Cc", "Cf", "Co", "Cn"), "\ufffd"


@dataclass(frozen=True, slots=True)
class Compared:
    """What is there and what was found, as tags of the same words.

    The words are the file's. Of texts with marked characters they are the units that no span cuts,
    which all tokenizers have in common.

    Attributes:
        words: of each sentence.
        truth: a tag for each of them.
        guesses: the same, of each side that found something.
    """

    words: list[tuple[str, ...]]
    truth: list[list[str]]
    guesses: list[list[list[str]]]

    @classmethod
    def of(cls, data: Tagged, sides: Sequence[Iterable[Spans]], scheme: Scheme) -> Compared:
        """Compare what each side found with what the data say.

        Args:
            data: the sentences.
            sides: of each, the spans of every sentence: of words, or where the data are marked by
                characters of those.
            scheme: of all tags.
        """
        compared = cls([], [], [[] for _ in sides])
        for number, (truth, *found) in enumerate(zip(data.spans, *sides, strict=True)):
            if data.texts is not None and data.marked is not None:
                words, spans = in_units(data.texts[number], data.marked[number], *found)
            else:
                words = data.words[number]
                spans = [truth, *([WordSpan(*one) for one in some] for some in found)]
            tags, *guesses = (scheme.tags(one, len(words)) for one in spans)
            compared.words.append(words)
            compared.truth.append(tags)
            for side, guess in zip(compared.guesses, guesses, strict=True):
                side.append(guess)
        return compared


def read_sentences(
    path: str | Path,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    reading: Reading | None = None,
) -> Tagged:
    """All sentences of a file of tagged words, or of texts with marked spans.

    Args:
        path: see `unmask.text.tagged.read_tagged` and `unmask.text.marked`.
        text_column, label_column: of words and tags, or of texts and spans; None to tell by names.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, the tags follow no scheme, two types differ only in the
            space around them, or there are no sentences.
        CorruptText: a bad place.
    """
    return _read(Path(path), text_column, label_column, reading or Reading())


def bare(text: str, span: Span) -> Span:
    """The span without the white space, and without characters that tokenizers drop, at its ends.

    A model cannot say whether a span begins before a byte order mark or behind it, if its tokenizer
    never shows it one. Some of these are drawn, such as those of private use, which other
    tokenizers keep; as a span is compared without them whatever the tokenizer, none gains by it.
    A mark that modifies what stands before the span is left off as well. A span of such characters
    alone loses only its white space.
    """
    start, end = span
    while start < end and _is_dropped(text[end - 1]):
        end -= 1
    while start < end and (_is_dropped(text[start]) or _is_mark(text[start])):
        start += 1
    return (start, end) if start < end else trim(text, span)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_dropped(character: str) -> bool:
    return (
        character in SPACES
        or character == _REPLACEMENT
        or unicodedata.category(character) in _DROPPED
    )


def in_units(text: str, *sides: Spans) -> tuple[tuple[str, ...], list[list[WordSpan]]]:
    """A text in units that no span of any side cuts, and the spans of each side in units.

    Args:
        text: the text.
        sides: spans, ascending, none over another of its side. They count from their first
            character to their last that is not dropped; see `bare`.
    """
    sides = tuple([CharSpan(*bare(text, (a, b)), label) for a, b, label in side] for side in sides)
    borders = {place for side in sides for start, end, _ in side for place in (start, end)}
    units = cut_at(segments(text), sorted(borders))
    begins = {start: number for number, (start, _) in enumerate(units)}
    ends = {end: number + 1 for number, (_, end) in enumerate(units)}
    return (
        tuple(text[start:end] for start, end in units),
        [[WordSpan(begins[a], ends[b], label) for a, b, label in side] for side in sides],
    )


def _read(path: Path, text: str | None, label: str | None, reading: Reading) -> Tagged:
    if kind_of(path, LISTS):
        table = Table.open(path)
        columns = marked_columns(table, text, label)
        if columns is not None:
            return _marked(table, *columns, reading)
    return read_tagged(path, text, label, reading=reading)


def _marked(table: Table, text: str, label: str, reading: Reading) -> Tagged:
    texts, marked, words, tags, lines = [], [], [], [], []
    trimmed = wordless = 0
    for line, one, spans in read_marked(table, text, label, reading):
        inner = tuple(CharSpan(*bare(one, (a, b)), name) for a, b, name in spans)
        units, (some,) = in_units(one, inner)
        if not units:
            wordless += 1
            continue
        trimmed += sum(a != b for a, b in zip(inner, spans, strict=True))
        texts.append(one)
        marked.append(inner)
        words.append(units)
        tags.append(tuple(BIO.tags(some, len(units))))
        lines.append(line)
    if not texts:
        raise DataError(none_read("marked data must have texts with words", table.name, reading))
    labels = ((name, line) for line, spans in zip(lines, marked, strict=True) for *_, name in spans)
    check_spelling(table.name, labels)
    return Tagged(
        table.name,
        f"text from column {text!r}, spans from column {label!r}",
        BIO,
        tuple(words),
        tuple(tags),
        reading.bad,
        tuple(texts),
        tuple(marked),
        trimmed,
        wordless,
        reading.left_out,
        tuple(lines),
    )
