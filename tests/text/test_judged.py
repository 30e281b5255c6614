"""Judged queries: which columns hold them, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import CorruptText, DataError
from unmask.text.bad import Reading
from unmask.text.judged import Judgements, read_judgements


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def labelled(path: Path, *rows: tuple[str, str, Any]) -> Path:
    return table(path / "in.csv", ["query", "document", "label"], [list(row) for row in rows])


def plain(data: Judgements) -> list[tuple[str, list[tuple[str, float]]]]:
    return [
        (query.text, list(zip(query.documents, query.labels, strict=True)))
        for query in data.queries
    ]


def test_rows_with_a_label_are_grouped_by_their_query(tmp_path: Path) -> None:
    path = labelled(tmp_path, ("a", "x", 1), ("b", "x", "0.5"), ("a", "y", 0), ("a", "x", 1))
    data = read_judgements(path)
    assert plain(data) == [("a", [("x", 1.0), ("y", 0.0)]), ("b", [("x", 0.5)])]
    assert (len(data), data.rows, data.repeated, data.binary) == (3, 4, 1, False)
    assert data.queries[0].lines == (2, 4)
    assert data.queries[0].relevant == (True, False)
    assert str(data.columns) == "pairs from columns 'query' and 'document', the grade from 'label'"


def test_a_label_beside_negatives_is_refused(tmp_path: Path) -> None:
    """A positive with the label 0 would be learnt as one that answers."""
    rows = [["a", "x", "y", 1], ["b", "z", "y", 0]]
    path = table(tmp_path / "in.csv", ["query", "positive", "negative", "label"], rows)
    with pytest.raises(DataError, match=r"grade or negatives, but .*in\.csv .* both: 'label' and"):
        read_judgements(path)
    assert plain(read_judgements(path, label_column="label")) == [
        ("a", [("x", 1.0)]),
        ("b", [("z", 0.0)]),
    ]
    path = table(tmp_path / "in.csv", ["query", "positive", "negative", "worth"], rows)
    assert len(read_judgements(path)) == 4
    by_worth = read_judgements(path, label_column="worth")
    assert len(by_worth) == 2
    assert str(by_worth.columns).endswith("the grade from 'worth' (not read: 'negative')")


@pytest.mark.parametrize("columns", [("question", "context"), ("Query", "Passage"), ("q", "d")])
def test_columns_by_name_or_as_told(tmp_path: Path, columns: tuple[str, str]) -> None:
    path = table(tmp_path / "in.csv", [*columns, "relevance"], [["a", "x", 1], ["a", "y", 0]])
    named = columns if columns == ("q", "d") else (None, None)
    assert len(read_judgements(path, *named)) == 2


@pytest.mark.parametrize("form", ["list", "numbered", "one", "text"])
def test_rows_with_negatives(tmp_path: Path, form: str) -> None:
    row: dict[str, Any] = {"query": "a", "positive": "x", "other": 3}
    negatives = {
        "list": {"negatives": ["y", "[z] 1"]},
        "numbered": {"negative_1": "y", "negative_2": None, "negative_3": "[z] 1"},
        "one": {"negative": "y", "negative_1": "[z] 1"},
        "text": {"negatives": json.dumps(["y", "[z] 1"])},
    }[form]
    data = read_judgements(jsonl(tmp_path / "in.jsonl", [{**row, **negatives}]))
    assert plain(data) == [("a", [("x", 1.0), ("y", 0.0), ("[z] 1", 0.0)])]
    assert data.columns.what == "pairs"
    assert data.binary


def test_rows_of_one_query_are_put_together(tmp_path: Path) -> None:
    rows = [
        {"query": "a", "positive": "x", "negatives": ["y", "z"]},
        {"query": "a", "positive": "w", "negatives": ["y"]},
        {"query": "b", "positive": "y", "negatives": []},
    ]
    data = read_judgements(jsonl(tmp_path / "in.jsonl", rows))
    assert [len(query) for query in data.queries] == [4, 1]
    assert data.queries[0].relevant == (True, False, False, True)
    assert (data.repeated, data.barred) == (1, 0)


def test_a_positive_is_no_negative_of_its_query(tmp_path: Path) -> None:
    rows = [
        {"query": "a", "positive": "x", "negatives": ["y", "x"]},
        {"query": "a", "positive": "y", "negatives": ["z", "x"]},
        {"query": "b", "positive": "z", "negatives": ["x"]},
    ]
    data = read_judgements(jsonl(tmp_path / "in.jsonl", rows))
    assert plain(data) == [
        ("a", [("x", 1.0), ("y", 1.0), ("z", 0.0)]), ("b", [("z", 1.0), ("x", 0.0)]),
    ]  # fmt: skip
    assert data.barred == 3
    scored = [{**row, "teacher_scores": [2.0] * (1 + len(row["negatives"]))} for row in rows]
    taught = read_judgements(jsonl(tmp_path / "in.jsonl", scored), teacher=True)
    assert taught.queries[0].relevant == (True, True, False)


def test_each_of_several_positives_counts(tmp_path: Path) -> None:
    row = {"query": "a", "positive": ["x", "w"], "negative": "y"}
    data = read_judgements(jsonl(tmp_path / "in.jsonl", [row]))
    assert plain(data) == [("a", [("x", 1.0), ("y", 0.0), ("w", 1.0)])]
    labelled = {"query": "a", "document": ["x", "w"], "label": 0.5}
    data = read_judgements(jsonl(tmp_path / "in.jsonl", [labelled]))
    assert plain(data) == [("a", [("x", 0.5), ("w", 0.5)])]


def test_a_teachers_logits(tmp_path: Path) -> None:
    rows = [{"query": "a", "positive": "x", "negatives": ["y", "z"], "teacher_scores": [5, -1, 2]}]
    data = read_judgements(jsonl(tmp_path / "in.jsonl", rows), teacher=True)
    assert data.queries[0].labels == (5.0, -1.0, 2.0)
    assert data.queries[0].relevant == (True, False, False)
    assert data.teacher
    assert not data.binary
    path = labelled(tmp_path, ("a", "x", 7.5), ("a", "y", "-3"))
    (query,) = read_judgements(path, teacher=True).queries
    assert (query.labels, query.relevant) == ((7.5, -3.0), (True, False))
    for wrong, words in (
        ([5, 1], "there are 2 scores for 1 and 2"),
        ("no", "the text 'no'"),
        ([1, 2, None], "null"),
    ):
        bad = [{**rows[0], "teacher_scores": wrong}]
        with pytest.raises(DataError, match=words):
            read_judgements(jsonl(tmp_path / "in.jsonl", bad), teacher=True)
    bare = [{"query": "a", "positive": "x", "negatives": ["y"]}]
    with pytest.raises(DataError, match=r"is named 'teacher_scores' or .*mine --reranker"):
        read_judgements(jsonl(tmp_path / "in.jsonl", bare), teacher=True)
    path = jsonl(tmp_path / "in.jsonl", rows)
    unread = read_judgements(path)
    assert plain(unread) == [("a", [("x", 1.0), ("y", 0.0), ("z", 0.0)])]
    with pytest.raises(DataError, match=r"'teacher_scores' of .* leave --label-column out"):
        read_judgements(path, label_column="teacher_scores")


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (3, r"in\.csv:2: column 'label' must hold labels from 0 .* but holds 3\. Divide"),
        (-0.1, r"but holds -0\.1"),
        ("nan", r"a finite number, .* but it is 'nan'"),
        ("", "a finite number, .* but it is the text ''"),
        ("yes", "the text 'yes'; correct the row"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, label: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_judgements(labelled(tmp_path, ("a", "x", label)))


def test_two_labels_for_the_same_two_texts(tmp_path: Path) -> None:
    path = labelled(tmp_path, ("a", "x", 1), ("b", "x", 0), ("a", "x", 0))
    with pytest.raises(DataError, match=r"in\.csv:4: .* 'x' has 0 for 'a' here and 1 in line 2"):
        read_judgements(path)
    rows = [
        {"query": "a", "positive": "x", "negatives": ["y"]},
        {"query": "a", "positive": "z", "negatives": ["y"]},
    ]
    scores = ([2.0, 1.0], [2.0, 1.5])
    scored = [{**row, "teacher_scores": two} for row, two in zip(rows, scores, strict=True)]
    with pytest.raises(DataError, match="one label for a query"):
        read_judgements(jsonl(tmp_path / "in.jsonl", scored), teacher=True)


def test_texts_that_are_empty_are_bad_places(tmp_path: Path) -> None:
    path = labelled(tmp_path, ("a", "x", 1), (" ", "x", 0), ("a", "", 0))
    with pytest.raises(CorruptText, match=r"in\.csv:3: the query in column 'query' is empty"):
        read_judgements(path)
    data = read_judgements(path, reading=Reading("skip", 1.0))
    assert (len(data), data.skipped) == (1, 2)
    for wrong, words in (([""], "is empty"), ([3], "not a number"), ({"a": 1}, "not an object")):
        row = {"query": "a", "positive": "x", "negatives": wrong}
        with pytest.raises(
            CorruptText, match=rf"in\.jsonl:1: the text in column 'negatives' .*{words}"
        ):
            read_judgements(jsonl(tmp_path / "in.jsonl", [row]))


def test_columns_that_are_missing(tmp_path: Path) -> None:
    path = table(tmp_path / "in.csv", ["query", "positive"], [["a", "x"]])
    with pytest.raises(DataError, match=r"neither a label for each row nor negatives.*unmask mine"):
        read_judgements(path)
    path = table(tmp_path / "in.csv", ["a", "document", "label"], [["a", "x", 1]])
    with pytest.raises(DataError, match=r"the texts of a pair.*Choose with --text-column"):
        read_judgements(path)
    with pytest.raises(DataError, match="the two texts must be different columns"):
        read_judgements(path, "document", "document")
    path = table(tmp_path / "in.csv", ["query", "document", "label"], [])
    with pytest.raises(DataError, match=r"there must be rows to learn from .* has none"):
        read_judgements(path)
