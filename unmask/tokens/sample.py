"""A bounded, even sample of a stream of text whose length nobody knows beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unmask.errors import TokenizerError
from unmask.tokens.backend import check_text

_BLOCK = 65_536  # characters; a document is offered in pieces of about this size
_BREAK = re.compile(r"\s(?=\S)")
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: spreads consecutive numbers evenly


class Sample:
    """Text blocks in memory, `max_bytes` at most, spread evenly over all that was offered.

    Every block has a number, and the sample holds the blocks whose scrambled number ends in `level`
    zero bits. Whenever it is full, the level rises and half of it goes. What is kept depends on the
    order of the texts and on nothing else, so the same texts always give the same sample.

    Attributes:
        documents: texts offered so far.
        offered_bytes: their size in UTF-8.
        held_bytes: the size of what is held.
        level: blocks are kept one in `2 ** level`.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise TokenizerError(f"max_bytes must be positive, not {max_bytes}")
        self._max_bytes = max_bytes
        self._blocks: list[tuple[int, int, str]] = []  # scrambled number, bytes, text
        self._number = 0
        self.documents = 0
        self.offered_bytes = 0
        self.held_bytes = 0
        self.level = 0

    def add(self, text: str) -> None:
        """Offer one document.

        Raises:
            TokenizerError: it is not a str, or holds a lone surrogate.
        """
        check_text(self.documents, text)
        for block in _blocks(text):
            size = len(block.encode())
            self._number += 1
            self.offered_bytes += size
            key = _scramble(self._number)
            if not self._keeps(key):
                continue
            self._blocks.append((key, size, block))
            self.held_bytes += size
            while self.held_bytes > self._max_bytes and len(self._blocks) > 1:
                self.halve()
        self.documents += 1

    def halve(self) -> None:
        """Let go of about half of the blocks, but never of the last one."""
        self.level += 1
        kept = [block for block in self._blocks if self._keeps(block[0])]
        self._blocks = kept or self._blocks[:1]
        self.held_bytes = sum(size for _, size, _ in self._blocks)

    def __iter__(self) -> Iterator[str]:
        """The blocks held, in the order of the texts."""
        return (text for _, _, text in self._blocks)

    def __len__(self) -> int:
        """The number of blocks held."""
        return len(self._blocks)

    def _keeps(self, key: int) -> bool:
        return key & ((1 << self.level) - 1) == 0


def _blocks(text: str) -> Iterator[str]:
    """Cut a long text into blocks, at white space where there is some."""
    start = 0
    while len(text) - start > 2 * _BLOCK:
        found = _BREAK.search(text, start + _BLOCK, start + 2 * _BLOCK)
        end = found.start() if found else start + _BLOCK
        yield text[start:end]
        start = end
    yield text[start:]


def _scramble(number: int) -> int:
    """Mix the bits of a number, so that a pattern in the order of texts is no pattern here."""
    mixed = number * _GOLDEN & 0xFFFFFFFFFFFFFFFF
    mixed ^= mixed >> 31
    mixed = mixed * _GOLDEN & 0xFFFFFFFFFFFFFFFF
    return mixed ^ mixed >> 29
