"""How well a tokenizer fits a text."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from unmask.tokens.encoded import Encoded
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.words import SPACES

_TABLE = 50_000  # fragmented words remembered at a time
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FragmentedWord:
    """A word that takes several tokens.

    Attributes:
        text: the word as first written.
        pieces: its tokens.
        count: how often it occurs. A lower bound where more than 50,000 different words are
            fragmented, since the table of them is kept small.
    """

    text: str
    pieces: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class TokenizerReport:
    """Figures of a tokenizer on a text. Shares are between 0 and 1; 0.0 where there is no text.

    Attributes:
        vocab_size: rows that an embedding needs.
        texts: texts read.
        tokens: tokens made of them, without special tokens around texts.
        words: words in them, as `unmask.tokens.words` counts; white space is none.
        characters: characters in them.
        tokens_per_word: fertility; 1.0 would be a vocabulary that has every word.
        characters_per_token: how far a token reaches.
        unknown_share: unknown tokens among the tokens.
        unknown_character_share: characters that stand behind unknown tokens. One unknown token can
            hide a long word, so this is the loss of text.
        vocabulary_used: the share of the tokens that occur, special ones not counted.
        fragmented: the words that cost most tokens beyond one each, over all their occurrences.
    """

    vocab_size: int
    texts: int
    tokens: int
    words: int
    characters: int
    tokens_per_word: float
    characters_per_token: float
    unknown_share: float
    unknown_character_share: float
    vocabulary_used: float
    fragmented: tuple[FragmentedWord, ...]


def report(tokenizer: Tokenizer, texts: Iterable[str]) -> TokenizerReport:
    """Measure a tokenizer on texts, read once, with constant memory.

    Raises:
        TokenizerError: a text is not a str or not valid Unicode.
    """
    return count(tokenizer, texts).report()


def count(tokenizer: Tokenizer, texts: Iterable[str], *, table: int = _TABLE) -> Tally:
    """As `report`, with the words behind the figures.

    Args:
        table: fragmented words that are remembered at a time.
    """
    tally = Tally(tokenizer, table)
    for text, encoded in _both(tokenizer, texts):
        tally.add(text, encoded)
    return tally


def _both(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[tuple[str, Encoded]]:
    """Texts beside their encodings."""
    waiting: deque[str] = deque()

    def noted() -> Iterator[str]:
        for text in texts:
            waiting.append(text)
            yield text

    # A stream asks for a batch of texts, gives their encodings, and only then asks for more.
    for encoded in tokenizer.encode_stream(noted()):
        yield waiting.popleft(), encoded


@dataclass(slots=True)
class Tally:
    """Figures of a tokenizer on a text while it is read.

    Attributes:
        tokenizer: the tokenizer.
        table: fragmented words remembered at a time.
        fragmented: how often each fragmented word occurs, by its tokens.
        spelling: as it was first written.
    """

    tokenizer: Tokenizer
    table: int = _TABLE
    texts: int = 0
    tokens: int = 0
    words: int = 0
    characters: int = 0
    unknown: int = 0
    unknown_characters: int = 0
    used: set[int] = field(default_factory=set)
    fragmented: Counter[tuple[int, ...]] = field(default_factory=Counter)
    spelling: dict[tuple[int, ...], str] = field(default_factory=dict)

    def add(self, text: str, encoded: Encoded) -> None:
        """Count one text."""
        self.texts += 1
        self.tokens += len(encoded)
        self.characters += len(text)
        self.used.update(encoded.ids)
        for first, end in _runs(encoded.words):
            ids = encoded.ids[first:end]
            word = text[encoded.offsets[first][0] : encoded.offsets[end - 1][1]].strip(SPACES)
            if not word:
                continue
            self.words += 1
            if len(ids) > 1:
                self.fragmented[ids] += 1
                self.spelling.setdefault(ids, word)
        if len(self.fragmented) > self.table:
            self._shrink()
        for index, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            if index == self.tokenizer.unk_id:
                self.unknown += 1
                self.unknown_characters += end - start

    def report(self) -> TokenizerReport:
        """The figures so far."""
        specials = self.tokenizer.special_ids
        ordinary = max(1, self.tokenizer.vocab_size - len(specials))
        return TokenizerReport(
            vocab_size=self.tokenizer.vocab_size,
            texts=self.texts,
            tokens=self.tokens,
            words=self.words,
            characters=self.characters,
            tokens_per_word=self.tokens / max(1, self.words),
            characters_per_token=self.characters / max(1, self.tokens),
            unknown_share=self.unknown / max(1, self.tokens),
            unknown_character_share=self.unknown_characters / max(1, self.characters),
            vocabulary_used=len(self.used - specials) / ordinary,
            fragmented=tuple(self._worst(_SHOWN)),
        )

    def _worst(self, number: int) -> Iterator[FragmentedWord]:
        for ids in self.ranked()[:number]:
            pieces = tuple(self.tokenizer.tokens(ids))
            yield FragmentedWord(self.spelling[ids], pieces, self.fragmented[ids])

    def ranked(self) -> list[tuple[int, ...]]:
        """The fragmented words, those first that cost most tokens beyond one each."""
        cost = {ids: (len(ids) - 1) * count for ids, count in self.fragmented.items()}
        return sorted(cost, key=lambda ids: (-cost[ids], ids))

    def _shrink(self) -> None:
        """Forget the cheaper half of the fragmented words."""
        kept = self.ranked()[: self.table // 2]
        self.fragmented = Counter({ids: self.fragmented[ids] for ids in kept})
        self.spelling = {ids: self.spelling[ids] for ids in kept}


def _runs(words: tuple[int | None, ...]) -> Iterator[tuple[int, int]]:
    """The places `(first, end)` of each word's tokens."""
    first = 0
    for place in range(1, len(words) + 1):
        if place == len(words) or words[place] != words[first]:
            if words[first] is not None:
                yield first, place
            first = place
