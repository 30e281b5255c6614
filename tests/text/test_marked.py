"""Spans marked by their characters: every form, and every fault with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import CorruptText, DataError
from unmask.text.bad import Reading
from unmask.text.marked import marked_columns, read_marked, spans_in
from unmask.text.rows import Table
from unmask.text.tags import CharSpan

TEXT = "Zoë lives in Bern"
ZOE, BERN = CharSpan(0, 3, "person"), CharSpan(13, 17, "place")


def write(path: Path, *rows: dict[str, Any]) -> Table:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Table.open(path)


@pytest.mark.parametrize(
    "value",
    [
        [{"start": 0, "end": 3, "label": "person"}, {"start": 13, "end": 17, "label": "place"}],
        [[13, 17, "place"], [0, 3, "person"]],
        [
            {"start_offset": 0, "end_offset": 3, "label": "person", "id": 7},
            {"start": 13, "end": 17, "entity_group": "place", "score": 0.9},
        ],
        [
            {"start": 0, "end": 3, "type": "person", "text": "Zoë"},
            {"start": 13, "end": 17, "label": "place", "text": "Bern"},
        ],
    ],
)
def test_forms_of_spans(value: object) -> None:
    assert spans_in(TEXT, value, "spans") == (ZOE, BERN)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "column 'spans' must hold a list of spans"),
        ("person", "but holds a string"),
        (["person"], "but one is 'person'"),
        ([[0, 3]], "but one is"),
        ([[0, "3", "person"]], "must be whole numbers, but one of .* is '3'"),
        ([[0, True, "person"]], "must be whole numbers"),
        ([{"start": 0, "label": "person"}], "must be whole numbers, but one of .* is None"),
        ([[0, 3, ""]], "label must be a name other than 'O', but that of .* is ''"),
        ([[0, 3, "O"]], "label must be a name other than 'O'"),
        ([[0, 3, "O "]], "label must be a name other than 'O', but that of .* is 'O '"),
        ([[0, 3, 1]], "label must be a name"),
        ([[0, 3, "\u200b"]], "label must be a name"),
        ([[0, 3, "x\ud800"]], "surrogate"),
        ([[3, 3, "person"]], "goes from 3 to 3; correct the offsets"),
        ([[-1, 3, "person"]], "goes from -1 to 3"),
        ([[14, 30, "place"]], "has 17 characters, and have one or more, but 'place' goes from 14"),
        ([[14, 18, "place"]], "if the offsets count bytes of UTF-8, write them in characters"),
        ([[3, 4, "person"]], "more than white space, but 'person' from 3 to 4 has none"),
        ([[0, 9, "a"], [4, 9, "b"]], r"'Zoë lives' \(a, 0 to 9\) and 'lives' \(b, 4 to 9\) do"),
        (
            [{"start": 14, "end": 18, "label": "place", "text": "Bern"}],
            "the offset counts bytes of UTF-8: counted in characters, the span stands at 13",
        ),
        (
            [{"start": 4, "end": 8, "label": "place", "text": "Bern"}],
            "there is 'live' and not 'Bern'; it stands at 13",
        ),
        (
            [{"start": 4, "end": 8, "label": "place", "text": "Rome"}],
            "the span does not stand anywhere in its text",
        ),
    ],
)
def test_faults_are_told_with_a_reason(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spans_in(TEXT, value, "spans")


def test_columns_are_told_by_what_they_hold(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "label": "person"}
    answered = write(tmp_path / "a.jsonl", {"text": TEXT, "spans": [span], "tokens": 6})
    assert marked_columns(answered, None, None) == ("text", "spans")
    tool = write(
        tmp_path / "b.jsonl", {"text": TEXT, "tokens": [{"id": 0}], "label": [[0, 3, "x"]]}
    )
    assert marked_columns(tool, None, None) == ("text", "label")
    both = write(
        tmp_path / "c.jsonl", {"text": TEXT, "tokens": ["Zoë"], "tags": ["O"], "spans": []}
    )
    assert marked_columns(both, None, None) is None
    assert marked_columns(both, "text", None) == ("text", "spans")
    words = write(tmp_path / "d.jsonl", {"text": ["Zoë", "lives"], "labels": ["B-x", "O"]})
    assert marked_columns(words, "text", None) is None
    bare = write(tmp_path / "e.jsonl", {"text": TEXT})
    with pytest.raises(DataError, match="must hold the label, but none is named 'spans'"):
        marked_columns(bare, None, None)


ZOE_SPAN = {"start": 0, "end": 3, "label": "person"}


@pytest.mark.parametrize(
    ("rows", "label", "columns"),
    [
        ([{"text": None, "spans": [ZOE_SPAN]}, {"text": TEXT, "spans": []}], None, "spans"),
        ([{"text": None, "spans": []}], None, "spans"),
        ([{"text": TEXT, "tokens": [], "spans": [ZOE_SPAN]}], None, "spans"),
        ([{"text": TEXT, "tokens": ["Zoë"], "spans": [ZOE_SPAN]}], None, "spans"),
        ([{"text": TEXT, "tokens": ["Zoë"], "spans": []}], None, "spans"),
        ([{"text": TEXT, "tokens": ["Zoë"], "tags": ["O"], "spans": [ZOE_SPAN]}], None, None),
        ([{"text": TEXT, "tokens": ["Zoë"], "tags": ["O"], "spans": [ZOE_SPAN]}], "spans", "spans"),
        ([{"text": TEXT, "tokens": ["Zoë"], "tags": ["O"], "spans": [ZOE_SPAN]}], "tags", None),
        (
            [
                {"text": TEXT, "tokens": [], "labels": []},
                {"text": TEXT, "tokens": ["Zoë"], "labels": ["O"]},
            ],
            None,
            None,
        ),
        ([{"text": TEXT, "tokens": ["Zoë"], "spans": []}], "spans", "spans"),
        ([{"text": TEXT, "tokens": ["Zoë"], "labels": [1]}], None, None),
        ([{"text": TEXT, "tokens": ["Zoë"], "ner_tags": [1], "label": "news"}], None, None),
        ([{"text": TEXT, "tokens": ["Zoë"], "tags": [], "spans": []}], None, None),
        ([{"text": TEXT, "tokens": ["Zoë"], "mine": [ZOE_SPAN]}], "mine", "mine"),
        ([{"text": TEXT, "tokens": ["Zoë"], "mine": ["O"]}], "mine", None),
        ([{"text": TEXT, "tokens": ["Zoë"]}], None, None),
        ([{"tokens": ["Zoë"], "labels": ["O"]}], None, None),
        ([{"sentence": ["Zoë"], "tags": ["O"]}], None, None),
    ],
)
def test_the_form_is_told_by_the_rows_and_by_the_labels_where_words_stand_beside_texts(
    tmp_path: Path, rows: list[dict[str, Any]], label: str | None, columns: str | None
) -> None:
    found = marked_columns(write(tmp_path / "a.jsonl", *rows), None, label)
    assert found == (None if columns is None else ("text", columns))


def test_a_named_column_without_a_text_is_reported_by_its_rows(tmp_path: Path) -> None:
    table = write(tmp_path / "a.jsonl", {"text": None, "spans": []}, {"text": 7, "spans": []})
    assert marked_columns(table, "text", None) == ("text", "spans")


def test_the_first_name_that_has_a_value_counts() -> None:
    span = {"start": None, "start_offset": 0, "end": 3, "label": None, "type": "person"}
    assert spans_in(TEXT, [span], "spans") == (ZOE,)


@pytest.mark.parametrize(
    ("text", "span", "words"),
    [
        ("Anna is", (0, 3, "Anna"), "begins there, and its end, .* is 4"),
        ("Anna is in Bern", (11, 14, "Bern"), "begins there, and its end, .* is 15"),
        ("Anna is in Bern", (11, 16, "Bern"), "begins there, and its end, .* is 15"),
        ("Zoe is", (0, 4, "Zoe"), "begins there, and its end, .* is 3"),
        ("é Anna Anna", (2, 5, "Anna"), "begins there, and its end, .* is 6"),
    ],
)
def test_a_wrong_end_is_not_taken_for_other_units(
    text: str, span: tuple[int, int, str], words: str
) -> None:
    start, end, said = span
    with pytest.raises(ValueError, match=words):
        spans_in(text, [{"start": start, "end": end, "label": "x", "text": said}], "spans")


def test_offsets_that_count_other_units_are_told(tmp_path: Path) -> None:
    smile = "\U0001f600 Bern"
    with pytest.raises(ValueError, match=r"count bytes of UTF-8 or units of UTF-16, write them"):
        spans_in(smile, [[3, 7, "place"]], "spans")
    with pytest.raises(ValueError, match=r"count bytes of UTF-8, write them"):
        spans_in(smile, [[5, 9, "place"]], "spans")


def test_bad_rows_stop_or_are_skipped_and_counted(tmp_path: Path) -> None:
    table = write(
        tmp_path / "a.jsonl",
        {"text": TEXT, "spans": [[0, 3, "person"]]},
        {"text": TEXT, "spans": [[0, 99, "person"]]},
        {"text": 7, "spans": []},
    )
    with pytest.raises(CorruptText, match=r"a\.jsonl:2"):
        list(read_marked(table, "text", "spans", Reading()))
    skipping = Reading("skip", max_bad=1.0)
    assert list(read_marked(table, "text", "spans", skipping)) == [(1, TEXT, (ZOE,))]
    assert skipping.bad == 2
