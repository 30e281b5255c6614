"""CoNLL files: a word and its tag on each line, and an empty line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from unmask.errors import DataError, shown
from unmask.text.bad import Reading
from unmask.text.formats import text_lines
from unmask.text.readers import kind_of

DOCUMENT = "-DOCSTART-"
"""Begins a line that parts documents, in the files of CoNLL 2003."""
UNIVERSAL = ".conllu"
"""Of files of Universal Dependencies: ten columns, comments, and words within words."""
CONLL = (".conll", UNIVERSAL, ".bio", ".iob", ".iob2", ".bioes")
"""Names by which a file is known to be one of words in lines."""
# A first line of such names, in any letter case, is a header and no word.
_WORD_NAMES = frozenset({"token", "tokens", "word", "words", "form"})
_TAG_NAMES = frozenset(
    {"tag", "tags", "label", "labels", "ner", "ner_tag", "pos", "upos", "entity"}
)
_BLANKS = re.compile(r"[ \t]+")
_WITHIN = re.compile(r"\d+[-.]\d+")


class Sentence(NamedTuple):
    """One sentence: its words, the tag of each (or none), and the line that each stands on."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Which columns are read, counted from 1, or from the end as -1.

    Attributes:
        word: of the words.
        tag: of the tags; None where only words are read, which may stand alone in their lines.
        universal: whether the file is of Universal Dependencies.
    """

    word: int = 1
    tag: int | None = -1
    universal: bool = False

    @classmethod
    def of(
        cls, path: Path, word: str | None = None, tag: str | None = None, *, tags: bool = True
    ) -> Places:
        """The columns that were named, else the first and the last; in .conllu the forms and the
        universal parts of speech.

        Args:
            path: the file.
            word, tag: numbers of columns as the user writes them, or None.
            tags: whether tags are read.

        Raises:
            DataError: a name is no number of a column.
        """
        universal = kind_of(path, (UNIVERSAL,)) is not None
        usual = (2, 4) if universal else (1, -1)
        return cls(
            usual[0] if word is None else _number(word, "--text-column"),
            None if not tags else usual[1] if tag is None else _number(tag, "--label-column"),
            universal,
        )

    def __str__(self) -> str:
        """Which they are, for the user to see."""
        tags = "" if self.tag is None else f", tags from {_in_words(self.tag)}"
        return f"words from {_in_words(self.word)}{tags}"


def _in_words(column: int) -> str:
    return "the last column" if column == -1 else f"column {column}"


def _number(name: str, option: str) -> int:
    try:
        number = int(name)
    except ValueError:
        number = 0
    if not number:
        raise DataError(
            f"the columns of a CoNLL file have numbers, 1 for the first and -1 for the last, not "
            f"names; give {option} one of them instead of {name!r}"
        )
    return number


@dataclass(slots=True)
class _Held:
    """The sentence that is being read."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    broken: bool = False

    def taken(self) -> Iterator[Sentence]:
        """The sentence, unless there is none or a part of it could not be read."""
        if self.words and not self.broken:
            yield Sentence(tuple(self.words), tuple(self.tags), tuple(self.lines))
        self.words, self.tags, self.lines, self.broken = [], [], [], False


def conll_sentences(path: Path, name: str, places: Places, reading: Reading) -> Iterator[Sentence]:
    """The sentences of a file. With a bad line its whole sentence is left out.

    Fields are parted by tabs where a line has any, else by spaces. A line of white space alone
    ends a sentence, and so does one that begins with `DOCUMENT`. A header is left out.

    Args:
        path: the file.
        name: how messages name it.
        places: its columns.
        reading: takes the counts and the bad places.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
        Damaged: compressed data is broken.
    """
    held, width, last = _Held(), 0, 0
    for line, text in text_lines(path, name, reading):
        # A line that was not given could not be read, and was reported.
        held.broken |= bool(held.words) and line != last + 1
        last = line
        if not text.strip() or text.startswith(DOCUMENT):
            yield from held.taken()
            continue
        fields = _fields(text)
        if places.universal and (text.startswith("#") or _WITHIN.fullmatch(fields[0])):
            continue
        first, width = not width, width or len(fields)
        try:
            word, tag = _word_and_tag(fields, width, places)
            named = (fields[-1] if width > 1 else "") if tag is None else tag
            if first and word.lower() in _WORD_NAMES and named.lower() in _TAG_NAMES:
                continue
        except ValueError as error:
            reading.report_bad(name, line, str(error))
            held.broken = True
        else:
            held.words.append(word)
            held.tags += () if tag is None else (tag,)
            held.lines.append(line)
    yield from held.taken()


def _fields(text: str) -> list[str]:
    # Other kinds of white space may be words.
    text = text.rstrip(" \t\r")
    return text.split("\t") if "\t" in text else _BLANKS.split(text.lstrip(" "))


def _word_and_tag(fields: list[str], width: int, places: Places) -> tuple[str, str | None]:
    """Raises ValueError with the reason where a line has no word, no tag, or other columns."""
    if len(fields) < 2 and places.tag is not None:
        raise ValueError(
            "a line must have a word and a tag, parted by a tab or by spaces, but this one has the "
            f"single column {shown(fields[0])}"
        )
    if len(fields) != width:
        raise ValueError(f"{len(fields)} columns where the first line has {width}")
    word = _field(fields, places.word)
    tag = None if places.tag is None else _field(fields, places.tag).strip()
    if not word.strip(" ") or tag == "":
        raise ValueError(f"the {'tag' if word.strip(' ') else 'word'} is empty")
    return word, tag


def _field(fields: list[str], column: int) -> str:
    place = column - 1 if column > 0 else column
    if not -len(fields) <= place < len(fields):
        raise ValueError(f"there is no column {column}: the line has {len(fields)}")
    return fields[place]
