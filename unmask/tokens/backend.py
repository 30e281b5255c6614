"""The one place that talks to the `tokenizers` library, so that its failures have one shape.

A broken `tokenizer.json` can make the library raise a plain `Exception`, or panic: a panic reaches
Python as `PanicException`, which derives from `BaseException` and passes every `except Exception`.
Both become `TokenizerError` here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tokenizers

from unmask.errors import TokenizerError

Raw = tokenizers.Tokenizer
Spec = dict[str, Any]  # a parsed tokenizer.json


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turn whatever the library raises, panics included, into `TokenizerError`.

    Args:
        doing: what was being done, the start of the message.
    """
    try:
        yield
    except (TokenizerError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise TokenizerError(f"{doing}: {error}") from error
    except BaseException as error:
        # The class lives in the compiled module and cannot be imported by name.
        if type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(f"{doing}: the tokenizers library panicked: {error}") from error


def build(spec: Mapping[str, Any], where: str) -> Raw:
    """Build the library's tokenizer from a parsed `tokenizer.json`.

    Raises:
        TokenizerError: the library cannot read it; `where` says which file it was.
    """
    with guarded(f"{where} is not a tokenizer that the tokenizers library can read"):
        return Raw.from_str(json.dumps(spec))


def run(
    raw: Raw, texts: Sequence[str], *, first: int = 0, offsets: bool = True
) -> list[tokenizers.Encoding]:
    """Encode texts without special tokens, as one batch.

    Args:
        raw: the tokenizer.
        texts: the texts.
        first: the index that a message gives to the first text, where this is part of a stream.
        offsets: whether character offsets are wanted; without them it goes faster.

    Raises:
        TokenizerError: names the first text that cannot be encoded, by its index.
    """
    encode = raw.encode_batch if offsets else raw.encode_batch_fast
    for index, text in enumerate(texts, start=first):
        if not isinstance(text, str):  # of a pair the library would join the two, without a word
            check_text(index, text)
    try:
        with guarded("cannot encode"):
            return encode(texts, add_special_tokens=False)
    except TokenizerError:
        # The batch does not say which text it was: go through them one by one.
        for index, text in enumerate(texts, start=first):
            check_text(index, text)
            with guarded(f"cannot encode text {index} ({_excerpt(text)})"):
                raw.encode(text, add_special_tokens=False)
        raise


def check_text(index: int, text: object) -> None:
    """Check that a text can be encoded.

    Raises:
        TokenizerError: it is not a str, or holds a lone surrogate; the message has its index.
    """
    if not isinstance(text, str):
        raise TokenizerError(f"a text must be a str, but text {index} is a {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TokenizerError(
            f"text {index} ({_excerpt(text)}) is not valid Unicode: it holds the lone surrogate "
            f"U+{ord(text[error.start]):04X} at character {error.start}. Decode its source as "
            "UTF-8, or replace the character"
        ) from error


def _excerpt(text: str) -> str:
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
