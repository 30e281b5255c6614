"""Cutting at blank lines, counting, and knowing what was there before."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.text import paragraphs as module
from unmask.text.empty import is_empty
from unmask.text.paragraphs import SHORT, Seen, blocks, count_words, paragraphs, text_digest


def drawn(text: str) -> str:
    """The characters that are to be seen."""
    return "".join(character for character in text if not is_empty(character))


def test_paragraphs_stand_between_blank_lines():
    assert list(paragraphs("\n\nOne\n  two.\n \n\t\n  Three.\r\n\r\nFour.\n")) == [
        "One\n  two.",
        "  Three.",
        "Four.",
    ]
    assert list(paragraphs(" \n\n ")) == []


@given(st.text())
def test_paragraphs_lose_nothing_visible(text):
    assert drawn("".join(paragraphs(text))) == drawn(text)


@given(st.text(), st.integers(1, 50))
def test_blocks_lose_nothing_visible(text, limit):
    text = text + "\nx" * SHORT
    assert drawn("".join(blocks(text, limit))) == drawn(text)


def test_blocks_are_paragraphs_and_lines_only_where_a_paragraph_is_long():
    wrapped = "A wrapped sentence\nthat goes on here."
    long = "\n".join(["One line of many."] * 200)
    assert list(blocks(f"{wrapped}\n\n{long}\n\n{wrapped}", 5)) == [
        wrapped,
        *["One line of many."] * 200,
        wrapped,
    ]
    assert list(blocks(f"{wrapped}\n\n{long}", len(long))) == [wrapped, long]


@given(st.text())
def test_words_are_counted_as_split_does(text):
    assert count_words(text) == len(text.split())


@pytest.fixture(params=[1, 2, 3, 7])
def small_slices(request, monkeypatch):
    monkeypatch.setattr(module, "_SLICE", request.param)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize(
    "text", ["", " ", "a", "ab cd", "  ab\n\ncd  e ", "abcdefgh ijkl", "a " * 9]
)
def test_slices_do_not_show(text):
    assert count_words(text) == len(text.split())
    assert text_digest(text) == text_digest(re.sub(r"\s+", "   ", text.strip()).upper())


@given(st.text(), st.text())
def test_the_digest_is_blind_to_case_and_white_space_alone(one, two):
    def normal(text: str) -> str:
        return " ".join(text.split()).casefold()

    assert (text_digest(one) == text_digest(two)) == (normal(one) == normal(two))


@given(st.lists(st.text(max_size=3)))
def test_seen_is_a_set(texts):
    seen = Seen(":memory:")  # type: ignore[arg-type]
    known: set[str] = set()
    for text in texts:
        normal = " ".join(text.split()).casefold()
        assert seen.add(text) == (normal not in known)
        known.add(normal)
    seen.close()


def test_seen_remembers_more_than_its_cache_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CACHE_KIB", 64)
    seen = Seen(tmp_path / "seen")
    assert all(seen.add(f"text {n}") for n in range(20_000))
    assert not any(seen.add(f"Text  {n}") for n in range(0, 20_000, 7))
    seen.close()
    assert (tmp_path / "seen").stat().st_size > 64 * 1024
