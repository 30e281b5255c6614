"""Cutting documents into lines and into sentences."""

from __future__ import annotations

import sys

import pytest

from unmask.errors import TextError
from unmask.text.sentences import lines, splitter

TEXT = "  Mr. Smith left.\nHe had\nseen it. Ça va ?\n\nA title\n\n他来了。她走了。"


def parts(text: str, starts: list[int]) -> list[str]:
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def test_lines_that_are_not_blank() -> None:
    assert parts(TEXT, lines(TEXT)) == [line.strip() for line in TEXT.splitlines() if line.strip()]
    assert lines("") == lines(" \n\t\n") == []


def test_sentences_wherever_lines_are_broken() -> None:
    pytest.importorskip("sentencex", reason="sentences need the extra of that name")
    assert parts(TEXT, splitter("sentences")(TEXT)) == [
        "Mr. Smith left.", "He had\nseen it.", "Ça va ?", "A title", "他来了。", "她走了。",
    ]  # fmt: skip
    assert splitter("sentences")("") == []


@pytest.mark.parametrize("language", ["english", "EN", "", "d", "de "])
def test_what_is_no_code_of_a_language_is_refused(language: str) -> None:
    with pytest.raises(TextError, match=rf"two or three small letters, not as '{language}'; give"):
        splitter("sentences", language)


def test_sentences_without_their_library_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(TextError, match=r"sentencex, which is not .*pip install 'unmask\[sent"):
        splitter("sentences")
    assert splitter("lines")("a\nb") == [0, 2]
