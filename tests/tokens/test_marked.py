"""Texts with marked characters as units with tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import DataError
from unmask.text.tags import CharSpan, WordSpan
from unmask.tokens.marked import in_units, read_sentences


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_units_end_where_a_span_of_any_side_does() -> None:
    text = "@anna's iPhones, 東京都"
    one = [CharSpan(1, 5, "a"), CharSpan(8, 14, "b")]
    other = [CharSpan(0, 7, "a"), CharSpan(17, 19, "c")]
    words, (ones, others) = in_units(text, one, other)
    assert words == ("@", "anna", "'", "s", "iPhone", "s", ",", "東", "京", "都")
    assert ones == [WordSpan(1, 2, "a"), WordSpan(4, 5, "b")]
    assert others == [WordSpan(0, 4, "a"), WordSpan(7, 9, "c")]


def test_a_file_of_marked_texts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {"text": "Anna is in New York", "spans": [[0, 5, "person"], [11, 19, "place"]]},
        {"text": "nobody", "spans": []},
        {"text": "  ", "spans": []},
    )
    data = read_sentences(path)
    assert data.columns == "text from column 'text', spans from column 'spans'"
    assert data.texts == data.sources == ("Anna is in New York", "nobody")
    assert data.marked == ((CharSpan(0, 4, "person"), CharSpan(11, 19, "place")), ())
    assert data.trimmed == 1
    assert data.words[0] == ("Anna", "is", "in", "New", "York")
    assert data.tags[0] == ("B-person", "O", "O", "B-place", "I-place")
    last = data.some([1])
    assert (last.texts, last.marked, last.tags) == (("nobody",), ((),), (("O",),))


def test_words_with_tags_are_read_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"tokens": ["Anna", "is"], "tags": ["B-x", "O"]})
    data = read_sentences(path)
    assert data.texts is None
    assert data.sources == data.words == (("Anna", "is"),)


def test_no_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="marked data must have texts"):
        read_sentences(write(tmp_path / "a.jsonl", {"text": " ", "spans": []}))
