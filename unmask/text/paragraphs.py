"""Cutting text at blank lines, and telling whether a paragraph was there before.

Nothing here makes many small strings of a long text, because one line may be 100 MB long.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from unmask.text.empty import is_empty

SHORT = 2_000
"""Characters. A block up to this long is never cut into lines: they may be wrapped sentences."""
_BLANK = re.compile(r"\n\s*\n")
_SLICE = 1 << 16
_CACHE_KIB = 16 << 10


def paragraphs(text: str) -> Iterator[str]:
    """The blocks between blank lines, without line ends around them."""
    start = 0
    while start < len(text):
        gap = _BLANK.search(text, start)
        end, next_start = gap.span() if gap else (len(text), len(text))
        block = text[start:end].strip("\r\n")
        if not is_empty(block):
            yield block
        start = next_start


def blocks(text: str, limit: int) -> Iterator[str]:
    """A long text in pieces: its paragraphs, and a paragraph that is still long in lines.

    Args:
        text: a document.
        limit: characters from which on a paragraph is long, unless it has at most `SHORT`.
    """
    for paragraph in paragraphs(text):
        if len(paragraph) <= max(limit, SHORT):
            yield paragraph
        else:
            yield from _lines(paragraph)


def _lines(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].removesuffix("\r")
        if not is_empty(line):
            yield line
        start = end + 1


def count_words(text: str) -> int:
    """Runs of characters that are not white space."""
    words, inside = 0, False
    for start in range(0, len(text), _SLICE):
        piece = text[start : start + _SLICE]
        words += len(piece.split()) - (inside and not piece[0].isspace())
        inside = not piece[-1].isspace()
    return words


def text_digest(text: str) -> bytes:
    """BLAKE2b of a text, 16 bytes; blind to case and to how much white space stands where."""
    digest = hashlib.blake2b(digest_size=16)
    gap = started = False
    for start in range(0, len(text), _SLICE):
        piece = text[start : start + _SLICE]
        if words := piece.split():
            if started and (gap or piece[0].isspace()):
                digest.update(b" ")
            digest.update(" ".join(words).casefold().encode())
            started, gap = True, piece[-1].isspace()
        else:
            gap = True
    return digest.digest()


class Seen:
    """A set of digests on disk: constant memory however many there are.

    Each entry takes about 40 bytes in the file, which belongs to this object alone and is of no
    use after it.
    """

    def __init__(self, file: Path) -> None:
        self._table = sqlite3.connect(file, isolation_level=None)
        for line in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA locking_mode = EXCLUSIVE",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._table.execute(line)

    def add(self, text: str) -> bool:
        """Adds a text; False where it was there already."""
        row = (text_digest(text),)
        return self._table.execute("INSERT OR IGNORE INTO seen VALUES (?)", row).rowcount == 1

    def close(self) -> None:
        """Lets go of the file."""
        self._table.close()
