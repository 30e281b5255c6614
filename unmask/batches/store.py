"""Tokens on disk: every document tokenised once, read by memory map ever after.

STORE/
    tokens.bin    all ids one after the other, uint16 where the vocabulary allows, else uint32
    offsets.bin   int64, document d is tokens offsets[d]:offsets[d + 1]
    store.json    what it is made of and its counts, written last
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.errors import CorruptText, TextError
from unmask.tokens.tokenizer import Tokenizer

FORMAT = 1
TOKENS, OFFSETS, META = "tokens.bin", "offsets.bin", "store.json"
_DOCUMENTS = 512  # encoded together; bounds memory


@dataclass(frozen=True, slots=True)
class StoreMeta:
    """What a store is made of.

    Attributes:
        text_digest, tokenizer_digest: of what went in; a store of others is another store.
        dtype: of `tokens.bin`.
        documents, tokens, unknown: counts; unknown tokens are those without a spelling.
        content_digest: SHA-256 of `tokens.bin`.
    """

    text_digest: str
    tokenizer_digest: str
    dtype: str
    documents: int
    tokens: int
    unknown: int
    content_digest: str
    format: int = FORMAT


@dataclass(frozen=True)
class TokenStore:
    """An opened store.

    Attributes:
        tokens: `(N,)` unsigned ids, memory-mapped.
        offsets: `(documents + 1,)` int64, memory-mapped.
    """

    meta: StoreMeta
    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]

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
        }
        for name, size in sizes.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size:
                there = path.stat().st_size if path.is_file() else "no"
                raise CorruptText(str(path), None, f"it must have {size} bytes, but has {there}")
        tokens = np.memmap(folder / TOKENS, dtype=meta.dtype, mode="r", shape=(meta.tokens,))
        offsets = np.memmap(folder / OFFSETS, np.int64, mode="r", shape=(meta.documents + 1,))
        return cls(meta, tokens, offsets)


def build_store(
    folder: Path,
    texts: Iterable[str],
    tokenizer: Tokenizer,
    text_digest: str,
    progress: Callable[[int], None] | None = None,
) -> TokenStore:
    """Tokenise texts into a store, or open the one that is there if it is of the same.

    Args:
        folder: made where it does not exist; a store of something else in it is replaced.
        texts: one document each, streamed; memory does not grow with their number.
        text_digest: digest of the corpus that they are.
        progress: called with the number of documents done.

    Raises:
        TextError: the texts hold no token.
    """
    if (folder / META).is_file():
        store = TokenStore.open(folder)
        if (store.meta.text_digest, store.meta.tokenizer_digest) == (text_digest, tokenizer.digest):
            return store
        (folder / META).unlink()
    folder.mkdir(parents=True, exist_ok=True)
    dtype = "uint16" if tokenizer.vocab_size <= 2**16 else "uint32"
    digest, counts = hashlib.sha256(), [0, 0, 0]  # documents, tokens, unknown
    with (folder / TOKENS).open("wb") as tokens, (folder / OFFSETS).open("wb") as offsets:
        offsets.write(np.zeros(1, dtype=np.int64).tobytes())
        for ids in tokenizer.ids_stream(texts, batch=_DOCUMENTS):
            row = np.asarray(ids, dtype=dtype)
            counts[0] += 1
            counts[1] += len(row)
            if tokenizer.unk_id is not None:
                counts[2] += int((row == tokenizer.unk_id).sum())
            digest.update(data := row.tobytes())
            tokens.write(data)
            offsets.write(np.array([counts[1]], dtype=np.int64).tobytes())
            if progress is not None and counts[0] % _DOCUMENTS == 0:
                progress(counts[0])
        for file in (tokens, offsets):
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
    )
    temporary = folder / f".{META}"
    temporary.write_text(json.dumps(asdict(meta)), encoding="utf-8")
    temporary.replace(folder / META)
    return TokenStore.open(folder)
