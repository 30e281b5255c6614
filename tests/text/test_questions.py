"""Questions with their answers: SQuAD's JSON and tables, and every answer that is not where it
is said to be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import CorruptText, DataError, TextError
from unmask.text.answers import Answer, answer_in
from unmask.text.bad import Reading
from unmask.text.question_columns import QuestionColumns
from unmask.text.questions import filled, read_questions
from unmask.text.rows import Table

CONTEXT = "Zoë was born in Köln in 1901, and moved to Rome in 1930."
FIRST = {"text": "Köln", "answer_start": 16}
SECOND = {"text": "1930", "answer_start": 51}


def asked(number: int, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"q{number}", "question": f"Question {number}?", "answers": [*answers], **more}


def squad(path: Path, *questions: Any, version: str = "v2.0", **more: Any) -> Path:
    paragraph = {"context": CONTEXT, "qas": [*questions], **more}
    document = {"version": version, "data": [{"title": "Zoë", "paragraphs": [paragraph]}]}
    raw = json.dumps(document, ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def lines(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_squad_of_both_versions(tmp_path: Path, name: str) -> None:
    none = asked(2, is_impossible=True, plausible_answers=[FIRST])
    path = squad(tmp_path / name, asked(1, FIRST, SECOND, FIRST, is_impossible=False), none)
    found = read_questions(path)
    first, second = found.rows
    assert (first.name, first.text, first.context) == ("q1", "Question 1?", CONTEXT)
    assert first.answers == (Answer("Köln", 16), Answer("1930", 51))  # each once
    assert all(CONTEXT[a.start : a.end] == a.text for a in first.answers)
    assert (second.answers, second.article) == ((), "Zoë")
    assert (len(found), found.unanswerable, found.articles) == (2, 1, 1)
    assert found.told == "SQuAD v2.0"
    old = read_questions(squad(tmp_path / "b.json", asked(1, FIRST), version="1.1"))
    assert (len(old), old.unanswerable) == (1, 0)


@pytest.mark.parametrize("file", ["dev-v1.1", "dev-v2.0"])
def test_the_real_files_hold_no_bad_place(shared_data: Path, file: str) -> None:
    found = read_questions(shared_data / "squad" / f"{file}.reconstructed.json")
    assert (len(found), found.articles, found.unanswerable) == {
        "dev-v1.1": (10570, 48, 0),
        "dev-v2.0": (11873, 35, 5945),
    }[file]


def test_flat_rows_in_every_form_are_the_same(tmp_path: Path) -> None:
    base = {"question": "Where?", "context": CONTEXT}
    forms: list[dict[str, Any]] = [
        {"answers": {"text": ["Köln"], "answer_start": [16]}},
        {"answers": [FIRST]},
        {"answer": "Köln", "answer_start": 16},
        {"answer": "Köln", "start": 16},
        {"answer": "Köln"},  # stands once
        {"answers": '{"text": ["Köln"], "answer_start": [16]}'},
    ]
    for form in forms:
        (row,) = read_questions(lines(tmp_path / "a.jsonl", {**base, **form})).rows
        assert row.answers == (Answer("Köln", 16),), form
        assert (row.name, row.article) == ("1", CONTEXT)
    for none in ({"answers": {"text": [], "answer_start": []}}, {"answers": []}, {"answer": ""}):
        (row,) = read_questions(lines(tmp_path / "a.jsonl", {**base, **none})).rows
        assert row.answers == ()
    (tmp_path / "a.csv").write_text(
        f'title,query,passage,answer,start\nZ,Where?,"{CONTEXT}",Köln,16\nZ,Who?,"{CONTEXT}",,\n'
    )
    with_start, none_at_all = read_questions(tmp_path / "a.csv").rows
    assert with_start.answers == (Answer("Köln", 16),)
    assert (none_at_all.answers, none_at_all.article) == ((), "Z")
    document = {"data": [{"id": "x", "title": "t", **base, **forms[0]}]}
    (tmp_path / "a.json").write_text(json.dumps(document))
    (row,) = read_questions(tmp_path / "a.json").rows
    assert (row.name, row.article, row.answers) == ("x", "t", (Answer("Köln", 16),))


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        ("Köln", 17, r"offset counts bytes of UTF-8: .* the answer stands at 16\. Write"),
        ("Köln", 15, r"at its answer_start, 15, but there stands ' Köl'; it stands at 16"),
        ("Bonn", 16, r"there stands 'Köln'; the answer does not stand anywhere in its text"),
        ("1930.", 90, r"has 56 characters, but goes from 90 to 95; it stands at 51"),
        ("1930", -1, r"goes from -1 to 3; it stands at 51"),
        (CONTEXT, 1, r"goes from 1 to 57"),
        ("in", None, "stands 3 times in its text, and no answer_start says where"),
        ("Bonn", None, "does not stand in its text"),
        ("", 3, "the answer is empty"),
        (3, 3, "the answer must be text, not a number"),
        ("Köln", "16", "answer_start must be a whole number, not '16'"),
        ("Köln", True, "answer_start must be a whole number"),
        ("Köln", 16.0, "answer_start must be a whole number"),
        ("\ud800", 0, "half of a surrogate pair"),
    ],
)
def test_an_answer_that_is_not_there_says_where_it_is(text: Any, start: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        answer_in(CONTEXT, text, start)


def test_offsets_of_a_language_that_counts_in_utf_16() -> None:
    with pytest.raises(ValueError, match=r"units of UTF-16: .* the answer stands at 5"):
        answer_in("😀😀 a red house", "red", 7)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (asked(2, {"text": "Köln", "answer_start": 17}), r"question 'q2': .* bytes of UTF-8"),
        (asked(2, {"text": "Köln", "answer_start": 99}), "must lie in its text"),
        (asked(2), r"has no answer and no \"is_impossible\": true; correct one of the two"),
        (asked(2, FIRST, is_impossible=True), "has answers and is_impossible"),
        (asked(2, FIRST, is_impossible="no"), "must be true or false"),
        ({"id": "q2", "question": " ", "answers": [FIRST]}, "the question is empty"),
        ({"id": "q2", "answers": [FIRST]}, "the question must be text, not null"),
        ({"id": "q2", "question": "Where?"}, "answers must be"),
        ({"id": "q2", "question": "Where?", "answers": ["Köln"]}, "one is a string"),
        ({"id": "q2", "question": "Where?", "answers": [0]}, "one is a number"),
        ("Where?", "a question must be an object, and is a string"),
    ],
)
def test_a_bad_question_stops_with_its_place_or_is_skipped_and_counted(
    tmp_path: Path, question: Any, words: str
) -> None:
    path = squad(tmp_path / "a.json", asked(1, FIRST), question, asked(3, FIRST))
    with pytest.raises(CorruptText, match=words) as caught:
        read_questions(path)
    assert "--on-bad skip" in str(caught.value)
    found = read_questions(path, reading=Reading("skip", max_bad=0.5))
    assert ([row.name for row in found.rows], found.skipped) == (["q1", "q3"], 1)
    with pytest.raises(TextError, match="--max-bad"):
        read_questions(path, reading=Reading("skip"))


def test_a_bad_row_of_a_table_has_its_line(tmp_path: Path) -> None:
    good = {"question": "Where?", "context": CONTEXT, "answers": [FIRST]}
    for bad, words in (
        ({**good, "answers": [{"text": "Köln", "answer_start": 17}]}, "bytes of UTF-8"),
        ({"question": "Where?", "answers": [FIRST]}, "no column 'context'"),
        ({**good, "context": ""}, "the context is empty"),
        ({**good, "answers": {"text": ["x"], "answer_start": []}}, "with as many of both"),
        ({**good, "answers": 3}, "the answer must be text, not a number"),
    ):
        path = lines(tmp_path / "a.jsonl", good, bad)
        with pytest.raises(CorruptText, match=words) as caught:
            read_questions(path)
        assert caught.value.line == 2
        assert read_questions(path, reading=Reading("skip", max_bad=0.5)).skipped == 1


def test_questions_without_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for data, error, words in (
        ([], DataError, "holds none"),
        ([{"title": "t", "paragraphs": []}], DataError, "holds none"),
        ([{"title": "t"}], CorruptText, "no list 'paragraphs'"),
        ([{"title": "t", "paragraphs": [{"context": "x"}]}], CorruptText, "no list 'qas'"),
        ([{"title": "t", "paragraphs": [{"qas": [asked(1, FIRST)]}]}], CorruptText,
         "the context must be text, not null"),
        (None, DataError, "must be SQuAD's JSON"),
    ):  # fmt: skip
        path.write_text(json.dumps({"data": data}))
        with pytest.raises(error, match=words):
            read_questions(path)
    with pytest.raises(DataError, match=r"must hold the context, but none is named .*--pair-col"):
        read_questions(lines(tmp_path / "a.jsonl", {"question": "Who?", "answers": []}))
    with pytest.raises(DataError, match="must hold the answers"):
        read_questions(lines(tmp_path / "a.jsonl", {"question": "Who?", "context": "x"}))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(DataError, match="is none; check the path"):
        read_questions(path)
    for content, words in (
        (b'{"data": [', "not JSON"),
        (b"\xff\xfe{", "UTF-16"),
        (b"", "not JSON"),
    ):
        path.write_bytes(content)
        with pytest.raises(CorruptText, match=words):
            read_questions(path)
    path = squad(tmp_path / "a.json.gz", asked(1, FIRST))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptText, match="ends in the middle"):
        read_questions(path)


def test_to_predict_no_answers_are_needed(tmp_path: Path) -> None:
    path = squad(tmp_path / "a.json", {"id": "1", "question": "Who?"}, asked(2, FIRST))
    assert [row.answers for row in read_questions(path, answers=False).rows] == [(), ()]
    path = lines(tmp_path / "a.jsonl", {"query": "Who?", "passage": "Nobody."})
    columns = QuestionColumns.of(Table.open(path), answers=False)
    assert str(columns) == "question from column 'query', context from 'passage'"
    assert len(read_questions(path, answers=False)) == 1


def test_rows_that_ask_keep_their_columns(tmp_path: Path) -> None:
    rows = [{"query": "Who?", "passage": "Nobody.", "key": n} for n in range(3)]
    columns = QuestionColumns("query", "passage")
    table = Table.open(lines(tmp_path / "a.jsonl", *rows))
    found = list(filled(table, columns, Reading()))
    assert [(row.values, texts) for row, texts in found] == [
        (row, ("Who?", "Nobody.")) for row in rows
    ]
    for bad, words in (({"query": ""}, "the question is empty"), ({"passage": " "}, "the context")):
        table = Table.open(lines(tmp_path / "b.jsonl", rows[0], {**rows[0], **bad}, rows[1]))
        with pytest.raises(CorruptText, match=words) as caught:
            list(filled(table, columns, Reading()))
        assert caught.value.line == 2
        reading = Reading("skip", max_bad=0.5)
        kept = filled(table, columns, reading)
        assert [row.values["key"] for row, _ in kept] == [0, 1]
        assert reading.bad == 1


def test_columns_that_were_named_win(tmp_path: Path) -> None:
    row = {"a": "Where?", "b": CONTEXT, "c": [FIRST], "question": "x", "context": "y"}
    (found,) = read_questions(lines(tmp_path / "a.jsonl", row), "a", "b", "c").rows
    assert (found.text, found.context, found.answers) == ("Where?", CONTEXT, (Answer("Köln", 16),))
    with pytest.raises(DataError, match=r"none is named 'd'; .*Choose with --label-column"):
        read_questions(lines(tmp_path / "a.jsonl", row), "a", "b", "d")
    with pytest.raises(DataError, match="must be two columns, but both are 'a'"):
        read_questions(lines(tmp_path / "a.jsonl", row), "a", "a", "c")
