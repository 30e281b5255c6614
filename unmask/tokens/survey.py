"""What a text holds, before a vocabulary is learnt from it: its words, and their room."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers.normalizers import Normalizer

from unmask.tokens.alphabet import Alphabet
from unmask.tokens.sample import Sample
from unmask.tokens.summary import LONGEST_WORD
from unmask.tokens.words import segments

# Close enough to the words of a byte-level tokenizer to know how large its table of them becomes.
_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]+")


class Survey:
    """Reads blocks of text and keeps them ready for training.

    Attributes:
        texts: the blocks, normalised, without over-long words.
        word_bytes: the size in UTF-8 of all distinct words together.
        overlong_words: how many over-long words were left out.
        alphabet: the characters met, where the tokenizer must choose among them.
    """

    def __init__(self, normalizer: Normalizer, alphabet: Alphabet | None) -> None:
        self._normalizer = normalizer
        self._words: set[str] = set()
        self.texts: list[str] = []
        self.word_bytes = 0
        self.overlong_words = 0
        self.alphabet = alphabet

    def add(self, block: str) -> None:
        """Read one block."""
        text = self._normalizer.normalize_str(self._without_overlong(block))
        self.texts.append(text)
        new = set(self._split(text)) - self._words
        self._words |= new
        self.word_bytes += sum(len(word.encode()) for word in new)
        if self.alphabet:
            self.alphabet.add(text, new)

    def _without_overlong(self, block: str) -> str:
        if max(map(len, block.split()), default=0) <= LONGEST_WORD:  # a quick look is often enough
            return block
        pieces, place = [], 0
        for start, end in segments(block):
            if end - start > LONGEST_WORD:
                self.overlong_words += 1
                pieces.append(block[place:start])
                place = end
        return " ".join([*pieces, block[place:]])

    def _split(self, text: str) -> Iterable[str]:
        return self.alphabet.split(text) if self.alphabet else _WORD.findall(text)


def fits(sample: Sample, survey: Survey, max_word_bytes: int) -> bool:
    """Read a sample into a fresh survey; False as soon as its words take up too much room."""
    for block in sample:
        survey.add(block)
        if survey.word_bytes > max_word_bytes and len(sample) > 1:
            return False
    return True
