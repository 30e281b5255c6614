"""Tokens on disk: every document tokenised once, read by memory map ever after.

STORE/
    tokens.bin    all ids one after the other, uint16 where the vocabulary allows, else uint32
    offsets.bin   int64, document d is tokens offsets[d]:offsets[d + 1]
    words.bin     uint8, of each token whether a word begins with it; only where it was asked for
    store.json    what it is made of and its counts, written last
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.errors import CorruptText, TextError
from unmask.tokens.marks import Words, words_stream
from unmask.tokens.tokenizer import Tokenizer

FORMAT = 1
TOKENS, OFFSETS, WORDS, META = "tokens.bin", "offsets.bin", "words.bin", "store.json"
_DOCUMENTS = 512  # encoded together; bounds memory


@dataclass(frozen=True, slots=True)
class StoreMeta:
    """What a store is made of.

    Attributes:
        text_digest, tokenizer_digest: of what went in; a store of others is another store.
        dtype: of `tokens.bin`.
        documents, tokens, unknown: counts; unknown tokens are those without a spelling.
        content_digest: SHA-256 of `tokens.bin`.
        words: how words are told in `words.bin`; None where there is no such file.
    """

    text_digest: str
    tokenizer_digest: str
    dtype: str
    documents: int
    tokens: int
    unknown: int
    content_digest: str
    format: int = FORMAT
    words: Words | None = None

    def serves(self, text_digest: str, tokenizer_digest: str, words: Words | None) -> bool:
        """Whether this is a store of that text and tokenizer, with words where they are wanted."""
        if (self.text_digest, self.tokenizer_digest) != (text_digest, tokenizer_digest):
            return False
        # Marks are taken out of a text before its tokens are made: those are other tokens.
        return self.words == words or (self.words == "characters" and words is None)


@dataclass(frozen=True)
class TokenStore:
    """An opened store.

    Attributes:
        tokens: `(N,)` unsigned ids, memory-mapped.
        offsets: `(documents + 1,)` int64, memory-mapped.
        begins: `(N,)` uint8, memory-mapped: of each token what `unmask.tokens.marks` calls INSIDE,
            BEGINS or WORDLESS; None in a store without words.
    """

    meta: StoreMeta
    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    begins: npt.NDArray[np.uint8] | None = None

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """A finished store.

        Raises:
            TextError: there is none, or its files are not as long as they were.
        """
        try:
            meta = StoreMeta(**json.loads((folder / META).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise TextError(
                f"{folder} must hold a finished token store, but its {META} is missing or "
                "unreadable; remove the folder and start again"
            ) from None
        sizes = {
            TOKENS: meta.tokens * np.dtype(meta.dtype).itemsize,
            OFFSETS: (meta.documents + 1) * 8,
            **({} if meta.words is None else {WORDS: meta.tokens}),
        }
        for name, size in sizes.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size:
                there = path.stat().st_size if path.is_file() else "no"
                raise CorruptText(str(path), None, f"it must have {size} bytes, but has {there}")
        tokens = np.memmap(folder / TOKENS, dtype=meta.dtype, mode="r", shape=(meta.tokens,))
        offsets = np.memmap(folder / OFFSETS, np.int64, mode="r", shape=(meta.documents + 1,))
        begins = None
        if meta.words is not None:
            begins = np.memmap(folder / WORDS, np.uint8, mode="r", shape=(meta.tokens,))
        return cls(meta, tokens, offsets, begins)


def build_store(
    folder: Path,
    texts: Iterable[str],
    tokenizer: Tokenizer,
    text_digest: str,
    progress: Callable[[int], None] | None = None,
    words: Words | None = None,
) -> TokenStore:
    """Tokenise texts into a store, or open the one that is there if it is of the same.

    Args:
        folder: made where it does not exist; a store of something else in it is replaced.
        texts: one document each, streamed; memory does not grow with their number.
        text_digest: digest of the corpus that they are.
        progress: called with the number of documents done.
        words: how words are told, where it is to be known which tokens form one; None where not,
            which a store with the words of "characters" serves too.

    Raises:
        TextError: the texts hold no token.
    """
    if (folder / META).is_file():
        store = TokenStore.open(folder)
        if store.meta.serves(text_digest, tokenizer.digest, words):
            return store
        (folder / META).unlink()
    folder.mkdir(parents=True, exist_ok=True)
    dtype = "uint16" if tokenizer.vocab_size <= 2**16 else "uint32"
    digest, counts = hashlib.sha256(), [0, 0, 0]  # documents, tokens, unknown
    (folder / WORDS).unlink(missing_ok=True)
    names = (TOKENS, OFFSETS) if words is None else (TOKENS, OFFSETS, WORDS)
    with ExitStack() as stack:
        files = [stack.enter_context((folder / name).open("wb")) for name in names]
        tokens, offsets = files[:2]
        offsets.write(np.zeros(1, dtype=np.int64).tobytes())
        for ids, begins in _rows(tokenizer, texts, words):
            row = np.asarray(ids, dtype=dtype)
            counts[0] += 1
            counts[1] += len(row)
            if tokenizer.unk_id is not None:
                counts[2] += int((row == tokenizer.unk_id).sum())
            digest.update(data := row.tobytes())
            tokens.write(data)
            if words is not None:
                files[2].write(begins)
            offsets.write(np.array([counts[1]], dtype=np.int64).tobytes())
            if progress is not None and counts[0] % _DOCUMENTS == 0:
                progress(counts[0])
        for file in files:
            file.flush()
            os.fsync(file.fileno())
    if not counts[1]:
        raise TextError("the text gives no token; check --text and the tokenizer")
    meta = StoreMeta(
        text_digest=text_digest,
        tokenizer_digest=tokenizer.digest,
        dtype=dtype,
        documents=counts[0],
        tokens=counts[1],
        unknown=counts[2],
        content_digest=digest.hexdigest(),
        words=words,
    )
    temporary = folder / f".{META}"
    temporary.write_text(json.dumps(asdict(meta)), encoding="utf-8")
    temporary.replace(folder / META)
    return TokenStore.open(folder)


def _rows(
    tokenizer: Tokenizer, texts: Iterable[str], words: Words | None
) -> Iterator[tuple[Sequence[int], bytes]]:
    """The ids of each text, and where words begin if that is wanted."""
    if words is not None:
        yield from words_stream(tokenizer, texts, words, batch=_DOCUMENTS)
        return
    for ids in tokenizer.ids_stream(texts, batch=_DOCUMENTS):
        yield ids, b""
