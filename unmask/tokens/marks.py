"""Words of scripts without spaces, as the user's segmenter marked them; and words for a store.

Unicode has a character for places where a word ends and nothing is seen: U+200B, zero width space
(chapter 23.2 of the standard). A segmenter puts it into a text; it is taken out again before the
text is tokenised, so that it never becomes a token and models read text as everybody writes it.
What it leaves behind is where words end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, tee
from typing import Literal

from unmask.tokens.encoded import Encoded
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.words import marked_segments, word_map

Words = Literal["characters", "marked"]
"""How words of scripts without spaces are told: each character is one, or as they are marked."""
MARK = "\u200b"
INSIDE, BEGINS, WORDLESS = 0, 1, 2
"""Of a token: it goes on with a word, begins one, or belongs to none."""


def unmarked(text: str) -> str:
    """A text without the marks."""
    return text.replace(MARK, "")


def breaks(text: str) -> list[int]:
    """Where the marks of a text stood, as places in the text without them, ascending."""
    *pieces, _ = text.split(MARK)
    return list(accumulate(len(piece) for piece in pieces))


def words_stream(
    tokenizer: Tokenizer, texts: Iterable[str], words: Words, *, batch: int = 1000
) -> Iterator[tuple[Sequence[int], bytes]]:
    """Encode any number of texts with constant memory, and tell where words begin.

    A token that reaches over a mark makes one word of both sides: the tokenizer has not seen it.

    Args:
        words: "marked" takes the marks out of the texts and ends words at them, at white space
            and at punctuation only.
        batch: most texts encoded at once.

    Yields:
        The ids of each text, (T,), without special tokens around them; and as many bytes, each
        `INSIDE`, `BEGINS` or `WORDLESS`.

    Raises:
        TokenizerError: as `Tokenizer.encode_stream`.
    """
    if words == "characters":
        for encoded in tokenizer.encode_stream(texts, batch=batch):
            yield encoded.ids, _begins(encoded.words)
        return
    kept, read = tee(texts)
    found = tokenizer.encode_stream(map(unmarked, read), batch=batch)
    for text, encoded in zip(kept, found, strict=True):
        yield encoded.ids, _begins(_as_marked(text, encoded))


def _as_marked(text: str, encoded: Encoded) -> list[int | None]:
    """The words of a text's tokens, by its marks."""
    plain = unmarked(text)
    pairs = zip(encoded.offsets, encoded.words, strict=True)
    spans = [span for span, word in pairs if word is not None]
    numbers = iter(word_map(plain, spans, marked_segments(plain, breaks(text))))
    return [None if word is None else next(numbers) for word in encoded.words]


def _begins(words: Sequence[int | None]) -> bytes:
    """A byte for each token, from the number of its word."""
    codes, last = bytearray(), None
    for word in words:
        codes.append(WORDLESS if word is None else INSIDE if word == last else BEGINS)
        last = last if word is None else word
    return bytes(codes)
