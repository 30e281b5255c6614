"""What the measures of embedding share: the model's folder, and texts in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unmask.bench import texts as of_texts
from unmask.bench.measure import Setting
from unmask.tokens.tokenizer import Tokenizer

SHORT_TOKENS = (8, 32)  # what a short text has, special tokens included
CALLS, FEW_CALLS = 320, 24


def paragraphs(setting: Setting) -> dict[str, Any]:
    """First paragraphs of docstrings, as they come."""
    tokenizer, work = _tokenizer(), Path(setting.work)
    count = of_texts.FEW if setting.quick else of_texts.MANY
    chosen = of_texts.paragraphs(work, tokenizer, count)
    return _options(setting) | of_texts.stored(work, "paragraphs", chosen, tokenizer)


def short(setting: Setting) -> dict[str, Any]:
    """Short texts for one call each."""
    tokenizer, work = _tokenizer(), Path(setting.work)
    least, most = SHORT_TOKENS
    count = FEW_CALLS if setting.quick else CALLS
    some = of_texts.paragraphs(work, tokenizer, 4 * count, seed=1)
    lengths = of_texts.token_counts(tokenizer, some)
    chosen = [text for text, length in zip(some, lengths, strict=True) if least <= length <= most]
    return _options(setting) | of_texts.stored(work, "short", chosen[:count], tokenizer)


def of_length_32(setting: Setting) -> dict[str, Any]:
    """Texts of 32 tokens each."""
    return _of_length(setting, 32)


def of_length_128(setting: Setting) -> dict[str, Any]:
    """Texts of 128 tokens each."""
    return _of_length(setting, 128)


def of_length_512(setting: Setting) -> dict[str, Any]:
    """Texts of 512 tokens each, which is what the model's table of positions holds."""
    return _of_length(setting, 512)


TOKENS_OF_LENGTH, FEW_TOKENS = 32_768, 4_096


def _of_length(setting: Setting, length: int) -> dict[str, Any]:
    tokenizer, work = _tokenizer(), Path(setting.work)
    count = (FEW_TOKENS if setting.quick else TOKENS_OF_LENGTH) // length
    some = of_texts.paragraphs(work, tokenizer, 4 * of_texts.MANY, seed=2)
    chosen = of_texts.of_length(tokenizer, some, length, count)
    told = of_texts.stored(work, f"length-{length}", chosen, tokenizer)
    return _options(setting) | told | {"max_length": 512}


def _tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(of_texts.minilm())


def _options(setting: Setting) -> dict[str, Any]:
    return {
        "folder": str(of_texts.minilm()),
        "work": setting.work,
        "threads": setting.threads,
    }
