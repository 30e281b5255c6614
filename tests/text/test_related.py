"""Texts that belong together: columns by their names, what they tell, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import CorruptText, DataError
from unmask.text.bad import Reading
from unmask.text.judged import read_judgements
from unmask.text.related import RelatedRow, read_related
from unmask.text.related_columns import What

Q, D = "who sees it?", "she sees it."


def table(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "what", "found"),
    [
        ({"query": Q, "document": D}, "pairs", RelatedRow(Q, D)),
        ({"anchor": Q, "positive": D}, "pairs", RelatedRow(Q, D)),
        ({"Question": Q, "Context": D, "answers": []}, "pairs", RelatedRow(Q, D)),
        ({"anchor": Q, "positive": D, "negative": "no"}, "pairs", RelatedRow(Q, D, ("no",))),
        ({"query": Q, "pos": [D], "neg": ["a", "b"]}, "pairs", RelatedRow(Q, D, ("a", "b"))),
        (
            {"query": Q, "positive": D, "neg_1": "a", "hard_negative_2": None, "Negative 3": "b"},
            "pairs",
            RelatedRow(Q, D, ("a", "b")),
        ),
        ({"sentence1": Q, "sentence2": D, "score": 2.5}, "graded", RelatedRow(Q, D, (), 2.5)),
        ({"text1": Q, "text2": D, "label": "1"}, "graded", RelatedRow(Q, D, (), 1.0)),
        ({"question": Q, "answer": D, "context": "c"}, "pairs", RelatedRow(Q, "c")),
        ({"query": Q, "text": D, "Relevance": 1}, "graded", RelatedRow(Q, D, (), 1.0)),
        ({"text1": Q, "text2": D, "score": 9, "label": 1}, "graded", RelatedRow(Q, D, (), 1.0)),
        ({"query": Q, "positive": D, "negative": None, "neg": []}, "pairs", RelatedRow(Q, D)),
        (
            {"query": Q, "positive": D, "negative": ["a", "b"], "teacher_scores": [9.0, 1, -2]},
            "taught",
            RelatedRow(Q, D, ("a", "b"), 0.0, (9.0, 1.0, -2.0)),
        ),
    ],
)  # fmt: skip
def test_columns_tell_what_rows_say(
    tmp_path: Path, row: dict[str, Any], what: What, found: RelatedRow
) -> None:
    data = read_related(table(tmp_path / "a.jsonl", row))
    assert (data.columns.what, data.rows) == (what, (found,))


def test_csv_holds_lists_as_json(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "query,document,negatives,teacher_scores\n"
        'q,d,"[""x"", ""y""]","[3, 2, 1.5]"\nq2,[not a list],[z],"[1, 2]"\nq3,[1],[],[4]\n'
    )
    first, second, third = read_related(path).rows
    assert third == RelatedRow("q3", "[1]", (), 0.0, (4.0,))
    assert first == RelatedRow("q", "d", ("x", "y"), 0.0, (3.0, 2.0, 1.5))
    assert (second.document, second.negatives) == ("[not a list]", ("[z]",))


def test_several_documents_are_several_pairs(tmp_path: Path) -> None:
    path = table(tmp_path / "a.jsonl", {"query": Q, "positive": [D, "x"], "negative": "n"})
    rows = read_related(path).rows
    assert rows == (RelatedRow(Q, D, ("n",)), RelatedRow(Q, "x", ("n",)))


def test_what_is_asked_for_counts(tmp_path: Path) -> None:
    row = {"query": Q, "positive": D, "negative": "n", "label": 1}
    path = table(tmp_path / "a.jsonl", row)
    with pytest.raises(DataError, match=r"grade or negatives, but .* both: 'label' and 'negative'"):
        read_related(path)
    taught = table(tmp_path / "c.jsonl", {**row, "teacher_scores": [1, 0]})
    with pytest.raises(DataError, match="grade or negatives"):
        read_related(taught)
    pairs = read_related(path, what="pairs")
    assert pairs.rows == (RelatedRow(Q, D, ("n",)),)
    assert str(pairs.columns) == (
        "pairs from columns 'query' and 'positive', negatives from 'negative' (not read: 'label')"
    )
    graded = read_related(path, None, None, "label")
    assert graded.rows == (RelatedRow(Q, D, (), 1.0),)
    assert "the grade from 'label' (not read: 'negative')" in str(graded.columns)
    named = table(tmp_path / "b.jsonl", {"a": Q, "b": D, "c": 3})
    assert read_related(named, "a", "b", "c").rows == (RelatedRow(Q, D, (), 3.0),)


@pytest.mark.parametrize(
    ("row", "what", "wrong"),
    [
        ({"query": Q, "document": D}, "graded", "hold the grade, but none is named 'label' or"),
        ({"query": Q, "document": D, "teacher_scores": [1]}, "taught", "'negative' is missing"),
        ({"query": Q, "document": D, "negative": "n"}, "taught", "hold the teacher's scores"),
        ({"query": Q}, None, "must hold the texts of a pair"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit(
    tmp_path: Path, row: dict[str, Any], what: What | None, wrong: str
) -> None:
    with pytest.raises(DataError, match=wrong):
        read_related(table(tmp_path / "a.jsonl", row), what=what)


def test_named_columns_must_be_there(tmp_path: Path) -> None:
    path = table(tmp_path / "a.jsonl", {"query": Q, "document": D, "score": 1})
    with pytest.raises(DataError, match="no further column 'grades' for numbers"):
        read_related(path, None, None, "grades")
    with pytest.raises(DataError, match=r"different columns, but in .* both are 'query'"):
        read_related(path, "query", "query")


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"query": Q, "document": None}, ":2: the query has no document: column 'document'"),
        ({"query": Q, "document": " "}, ":2: the query has no document"),
        ({"query": Q, "document": []}, ":2: the query has no document"),
        ({"query": Q, "document": [D, ""]}, ":2: the text in column 'document' is empty"),
        ({"query": "\t", "document": D}, ":2: the query in column 'query' is empty"),
        ({"query": 3, "document": D}, ":2: the query in column 'query' must be text"),
        ({"document": D}, ":2: no column 'query'"),
    ],
)
def test_bad_rows_stop_or_are_left_out(tmp_path: Path, row: dict[str, Any], wrong: str) -> None:
    path = table(tmp_path / "a.jsonl", {"query": Q, "document": D}, row)
    with pytest.raises(CorruptText, match=wrong):
        read_related(path)
    data = read_related(path, reading=Reading("skip", 0.5))
    assert (len(data), data.skipped) == (1, 1)


@pytest.mark.parametrize("grade", [float("nan"), "nan", "inf", None, "high", [1, 2]])
def test_grades_that_are_none(tmp_path: Path, grade: object) -> None:
    row = {"query": Q, "document": D, "score": grade}
    with pytest.raises(DataError, match=r":1: column 'score' must hold"):
        read_related(table(tmp_path / "a.jsonl", row))


def test_a_score_for_each_document(tmp_path: Path) -> None:
    row = {"query": Q, "positive": D, "negative": ["a", "b"], "teacher_scores": [1, 2]}
    with pytest.raises(DataError, match=r":1: .* there are 2 scores for 1 and 2"):
        read_related(table(tmp_path / "a.jsonl", row))


def test_a_header_alone_is_no_data(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("query,document\n")
    with pytest.raises(DataError, match="has none"):
        read_related(path)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"query": " ", "document": D, "label": 1}, "the query in column 'query' is empty"),
        ({"query": Q, "document": [], "label": 1}, "the query has no document"),
        ({"query": Q, "document": D, "label": float("nan")}, "must hold a finite number"),
        ({"query": Q, "document": D, "label": [1, 0]}, "the pair's one grade, but holds 2"),
        ({"query": Q, "positive": D, "negative": [""]}, "the text in column 'negative' is empty"),
        ({"query": Q, "positive": D, "negative": "n", "label": 1}, "a grade or negatives"),
    ],
)
def test_embeddings_and_rerankers_refuse_alike(
    tmp_path: Path, row: dict[str, Any], wrong: str
) -> None:
    path = table(tmp_path / "a.jsonl", row)
    for read in (read_related, read_judgements):
        with pytest.raises((CorruptText, DataError), match=wrong):
            read(path)
