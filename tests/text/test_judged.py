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
    assert (len(data), data.rows, data.repeated, data.grouped, data.binary) == (
        3,
        4,
        1,
        False,
        False,
    )
    assert data.queries[0].lines == (2, 4)
    assert data.queries[0].relevant == (True, False)
    assert data.columns.endswith(
        "pairs from columns 'query' and 'document', labels from column 'label'"
    )


def test_a_label_beside_negatives_is_refused(tmp_path: Path) -> None:
    """A positive with the label 0 would be learnt as one that answers."""
    rows = [["a", "x", "y", 1], ["b", "z", "y", 0]]
    path = table(tmp_path / "in.csv", ["query", "positive", "negative", "label"], rows)
    with pytest.raises(DataError, match=r"rows have a label or negatives, but .*in\.csv has both"):
        read_judgements(path)
    path = table(tmp_path / "in.csv", ["query", "positive", "negative", "worth"], rows)
    assert len(read_judgements(path)) == 4
    with pytest.raises(DataError, match="has both: 'worth' and 'negative'"):
        read_judgements(path, label_column="worth")


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
    assert data.grouped
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
    assert data.repeated == 1


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
        ([5, 1], "a list of 3 numbers"),
        ("no", "a list of 3"),
        ([1, 2, None], "null"),
    ):
        bad = [{**rows[0], "teacher_scores": wrong}]
        with pytest.raises(CorruptText, match=words):
            read_judgements(jsonl(tmp_path / "in.jsonl", bad), teacher=True)
    bare = [{"query": "a", "positive": "x", "negatives": ["y"]}]
    with pytest.raises(DataError, match=r"'teacher_scores' beside negatives.*mine --reranker"):
        read_judgements(jsonl(tmp_path / "in.jsonl", bare), teacher=True)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (3, r"in\.csv:2: column 'label' must hold labels from 0 .* but holds 3\. Divide"),
        (-0.1, r"but holds -0\.1"),
        ("nan", r"a number, but it is 'nan'"),
        ("", "a number, but it is the text ''"),
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
        {"query": "a", "positive": "y", "negatives": ["z"]},
    ]
    with pytest.raises(DataError, match=r"in\.jsonl:2: .* 'y' has 1 for 'a' here and 0 in line 1"):
        read_judgements(jsonl(tmp_path / "in.jsonl", rows))
    scored = [{**row, "teacher_scores": [2.0, 2.0]} for row in rows]
    with pytest.raises(DataError, match="one label for a query"):
        read_judgements(jsonl(tmp_path / "in.jsonl", scored), teacher=True)


def test_texts_that_are_empty_are_bad_places(tmp_path: Path) -> None:
    path = labelled(tmp_path, ("a", "x", 1), (" ", "x", 0), ("a", "", 0))
    with pytest.raises(CorruptText, match=r"in\.csv:3: column 'query' holds no text"):
        read_judgements(path)
    data = read_judgements(path, reading=Reading("skip", 1.0))
    assert (len(data), data.skipped) == (1, 2)
    for wrong, words in (([""], "an empty text"), ([3], "a number"), ({"a": 1}, "an object")):
        row = {"query": "a", "positive": "x", "negatives": wrong}
        with pytest.raises(CorruptText, match=rf"in\.jsonl:1: column 'negatives' holds {words}"):
            read_judgements(jsonl(tmp_path / "in.jsonl", [row]))


def test_columns_that_are_missing(tmp_path: Path) -> None:
    path = table(tmp_path / "in.csv", ["query", "positive"], [["a", "x"]])
    with pytest.raises(DataError, match=r"neither a label for each row nor negatives.*unmask mine"):
        read_judgements(path)
    path = table(tmp_path / "in.csv", ["a", "document", "label"], [["a", "x", 1]])
    with pytest.raises(DataError, match=r"must hold the query.*Choose with --text-column"):
        read_judgements(path)
    with pytest.raises(DataError, match="query and document must be two columns"):
        read_judgements(path, "document", "document")
    path = table(tmp_path / "in.csv", ["query", "document", "label"], [])
    with pytest.raises(DataError, match="has none; give rows"):
        read_judgements(path)
