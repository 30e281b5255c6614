"""The characters that a WordPiece vocabulary can spell, chosen so that training repeats.

The library chooses them too, but it breaks ties by the order of a hash table and numbers the
continuations (`##a`) in that order, so that training twice on one text gives two vocabularies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer

_PRINTABLE = "".join(map(chr, range(33, 127)))
# The rarest characters, which together make up this share of a text, are not worth their places.
# Small, since in Chinese or Japanese much of the meaning is in rare characters.
_RARE_SHARE = 1e-5


class Alphabet:
    """Counts characters and notes which of them continue words.

    Args:
        normalizer: what the text went through; it says which ASCII characters can occur.
        pre_tokenizer: what will cut the text into words.
    """

    def __init__(self, normalizer: Normalizer, pre_tokenizer: PreTokenizer) -> None:
        self._ascii = set(normalizer.normalize_str(_PRINTABLE)).intersection(_PRINTABLE)
        self._pre_tokenizer = pre_tokenizer
        self._known: set[str] = set()
        self._boundaries: dict[int, str] = {}  # characters outside of words, to a space
        self._counts: Counter[str] = Counter()
        self._inside: set[str] = set()

    def split(self, text: str) -> list[str]:
        """The words of a normalised text, without its punctuation."""
        for character in set(text) - self._known:
            # Two versions of Unicode may disagree on punctuation: ask the one that will count.
            pieces = self._pre_tokenizer.pre_tokenize_str("a" + character)
            if [piece for piece, _ in pieces] != ["a" + character]:
                self._boundaries[ord(character)] = " "
            self._known.add(character)
        return text.translate(self._boundaries).split()

    def add(self, text: str, new_words: Iterable[str]) -> None:
        """Count a normalised text, and note the insides of words not seen before."""
        self._counts.update(text)
        del self._counts[" "]
        for word in new_words:
            self._inside.update(word[1:])

    def choose(self, room: int, min_frequency: int) -> tuple[list[str], list[str]]:
        """Choose the most frequent characters, and printable ASCII whether it occurs or not.

        So no word of ASCII letters and digits is unknown, unless there is no room for them all.

        Args:
            room: how many characters and continuations together there may be.
            min_frequency: how often a character other than ASCII must occur.

        Returns:
            The characters, and those among them that also continue words; both sorted.
        """
        counts = {**dict.fromkeys(self._ascii, 0), **self._counts}
        inside = self._inside | {character for character in self._ascii if character.isalnum()}
        seen, worth = 0, (1 - _RARE_SHARE) * sum(counts.values())
        kept: list[str] = []
        for character, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            rare = count < min_frequency or seen > worth
            seen += count
            places = 1 + (character in inside)
            if places <= room and (character in self._ascii or not rare):
                room -= places
                kept.append(character)
        return sorted(kept), sorted(inside.intersection(kept))

    def left_out(self, kept: Iterable[str]) -> int:
        """How many distinct characters of the text are not among these."""
        return len(self._counts.keys() - set(kept))
