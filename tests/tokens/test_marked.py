"""Texts with marked characters as units with tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.tags import CharSpan, WordSpan
from unmask.tokens.marked import bare, in_units, read_sentences


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


@pytest.mark.parametrize(
    "unseen", ["\u200e", "\ufeff", "\u00ad", "\x1c", "\uf0b7", "\ufffd", " \u200b "]
)
def test_what_tokenizers_drop_at_the_ends_of_a_span_is_no_part_of_it(unseen: str) -> None:
    name = f"{unseen}Anna{unseen}"
    text, first = f"so {name} is", 3 + len(unseen)
    assert bare(text, (3, 3 + len(name))) == (first, first + 4)
    words, (given, found) = in_units(
        text, [CharSpan(3, 3 + len(name), "x")], [CharSpan(first, first + 4, "x")]
    )
    assert given == found
    assert words[given[0].first] == "Anna"


@pytest.mark.parametrize("kept", ["Zoe\u0308", "\u2764\ufe0f", "\u0646\u200c\u0647", "'s", "$"])
def test_what_is_drawn_is_a_part_of_a_span(kept: str) -> None:
    assert bare(f"a {kept} b", (2, 2 + len(kept))) == (2, 2 + len(kept))


@pytest.mark.parametrize("unseen", ["\u200e", " \u200e ", "\uf0b7"])
def test_a_span_of_nothing_else_stays(unseen: str) -> None:
    text = f"a{unseen}b"
    start, end = bare(text, (1, 1 + len(unseen)))
    assert text[start:end] == unseen.strip(" ")
    words, ((found,),) = in_units(text, [CharSpan(1, 1 + len(unseen), "x")])
    assert words[found.first : found.end] == (unseen.strip(" "),)


def test_a_mark_of_what_stands_before_is_no_part_of_a_span() -> None:
    assert bare("\u2764\ufe0f$5", (1, 4)) == (2, 4)


def test_types_that_differ_in_space_alone_are_refused(tmp_path: Path) -> None:
    marked = write(
        tmp_path / "a.jsonl", {"text": "ab cd", "spans": [[0, 2, "person"], [3, 5, "person "]]}
    )
    tagged = write(
        tmp_path / "b.jsonl", {"tokens": ["ab", "cd"], "tags": ["B-person", "B-person "]}
    )
    for path in (marked, tagged):
        with pytest.raises(DataError, match=r"than the space around them, but .* 'person '"):
            read_sentences(path)


def test_rows_without_words_are_counted(tmp_path: Path) -> None:
    for rows in (
        [{"text": "  ", "spans": []}, {"text": "ab", "spans": []}, {"text": "", "spans": []}],
        [{"tokens": [], "tags": []}, {"tokens": ["ab"], "tags": ["O"]}, {"tokens": [], "tags": []}],
    ):
        data = read_sentences(write(tmp_path / "a.jsonl", *rows))
        assert (len(data), data.wordless) == (1, 2)


def test_where_all_rows_are_bad_that_is_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"text": None, "spans": []}, {"text": 7, "spans": []})
    words = "must have texts with words, but .* has none: 2 bad places were left out"
    with pytest.raises(DataError, match=rf"{words}.*a\.jsonl:1: column 'text' must hold a text"):
        read_sentences(path, reading=Reading("skip", 1.0))


def test_words_with_tags_are_read_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"tokens": ["Anna", "is"], "tags": ["B-x", "O"]})
    data = read_sentences(path)
    assert data.texts is None
    assert data.sources == data.words == (("Anna", "is"),)


def test_no_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="marked data must have texts"):
        read_sentences(write(tmp_path / "a.jsonl", {"text": " ", "spans": []}))


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("a.conll", "Anna B-PER\n\nnow O\nEva B-\u00a0PER\nAda B-\u00a0PER\n", (4, 1)),
        (
            "a.jsonl",
            '{"words": ["Anna"], "tags": ["B-PER"]}\n{"words": ["Eva"], "tags": ["B-\u00a0PER"]}\n',
            (2, 1),
        ),
        (
            "b.jsonl",
            '{"text": "Anna", "spans": [[0, 4, "PER"]]}\n\n'
            '{"text": "Eva", "spans": [[0, 3, "\u00a0PER"]]}\n',
            (3, 1),
        ),
    ],
)
def test_types_that_differ_in_the_space_around_them_are_named_by_their_lines(
    tmp_path: Path, name: str, text: str, where: tuple[int, int]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    words = f":{where[1]} has 'PER' and .*:{where[0]} '.xa0PER'; write them alike"
    with pytest.raises(DataError, match=words):
        read_sentences(tmp_path / name)
