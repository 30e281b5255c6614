"""What counts as an empty text."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import CorruptText, DataError
from unmask.text.empty import EmptyTexts, is_empty
from unmask.text.labelled import read_labelled
from unmask.text.paragraphs import paragraphs
from unmask.text.related import read_related
from unmask.verbs.tasks.labelled_data import told

UNSEEN = ["", " ", "\u200b", "\ufeff", "\u2060 \u200d\n", "\u00ad", "\u00a0\u3000", "\U000e0041"]


@pytest.mark.parametrize("text", UNSEEN)
def test_what_is_never_drawn_is_no_text(text: str) -> None:
    assert is_empty(text)
    assert not is_empty(f"{text}a")
    assert not is_empty(f"0{text}")


@pytest.mark.parametrize("text", ["a", ".", "\u0600", "\u0301", "\U0001f600", "\u2800"])
def test_what_is_drawn_is_a_text(text: str) -> None:
    assert not is_empty(text)


def test_empty_texts_are_counted_and_the_first_are_named() -> None:
    empty = EmptyTexts("a.csv")
    empty.look(2, ["a", "b"])
    assert empty.told == ""
    empty.look(3, ["a", " "])
    assert empty.told == "1 text is empty: a.csv:3"
    for line in range(4, 9):
        empty.look(line, ["", "\u200b"])
    assert empty.told == "11 texts are empty: a.csv:3, a.csv:4, a.csv:5 and 6 more"


def test_it_is_refused_and_counted_as_an_empty_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("query,document\na,b\n\u200b,c\n", encoding="utf-8")
    with pytest.raises(CorruptText, match=r":3: the query in column 'query' is empty"):
        read_related(path)
    path.write_text("query,document\na,\u2060\n", encoding="utf-8")
    with pytest.raises(CorruptText, match=r":2: the query has no document"):
        read_related(path)
    path.write_text("text,label\na,x\n\ufeff\u200b,y\n", encoding="utf-8")
    assert told(read_labelled(path)).endswith(f"1 text is empty: {path}:3")
    path.write_text("text,label\na,\u200b\n", encoding="utf-8")
    with pytest.raises(DataError, match="it is empty; give the row a label"):
        read_labelled(path)
    assert list(paragraphs("one\n\n\u200b\n\ntwo")) == ["one", "two"]
