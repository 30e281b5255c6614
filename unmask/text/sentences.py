"""Cutting a document into what pairs of texts are made of: its lines, or its sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from unmask.errors import TextError
from unmask.text.formats import extra

Splitter = Literal["lines", "sentences"]
NAME = "sentences"  # of the extra that brings the library
CODE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]+)*")  # of ISO 639, and what may stand behind it
Cut = Callable[[str], list[int]]
"""Where the units of a text begin: numbers of characters, ascending, each of a visible one."""


def splitter(name: Splitter, language: str = "en") -> Cut:
    """A way to cut texts.

    Args:
        name: "lines" for each line that is not blank. "sentences" for sentences as `sentencex`
            finds them, which also end at a blank line, wherever lines are broken.
        language: code of the language of "sentences", such as "en", whose abbreviations end none.
            What `sentencex` has no rules for it cuts by those of English, and does not tell.

    Raises:
        TextError: `sentencex` is not installed, or `language` is no code of a language.
    """
    if name == "lines":
        return lines
    if CODE.fullmatch(language) is None:
        raise TextError(
            "the language of sentences is given by its code of two or three small letters, not as "
            f"{language!r}; give one such as en, de or zh"
        )
    return partial(_sentences, extra("sentencex", "cutting text into sentences", NAME), language)


def lines(text: str) -> list[int]:
    """The beginning of each line that is not blank."""
    return _visible(text.splitlines(keepends=True))


def _sentences(library: Any, language: str, text: str) -> list[int]:
    """The beginning of each sentence."""
    return _visible(library.segment(language, text))


def _visible(parts: list[str]) -> list[int]:
    """The first visible character of each part that has one; the parts make up a text."""
    starts, at = [], 0
    for part in parts:
        if shown := part.lstrip():
            starts.append(at + len(part) - len(shown))
        at += len(part)
    return starts
