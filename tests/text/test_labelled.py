"""Labelled rows: every format, columns found by name, labels as names, and all that is bad."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from unmask.errors import CorruptText, DataError, TextError
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.labelled import label_name, read_labelled, sorted_labels
from unmask.text.rows import Table

ROWS = [
    ("a good one", "good", 1),
    ('he said "no"', "bad", 2),
    ("two\nlines, and a comma", "good", 3),
]


def write(path: Path, rows: list[tuple[str, str, int]] = ROWS) -> Path:
    """The rows in the format that the name asks for, with an `id` between text and label."""
    inner = path.name.removesuffix(".gz")
    if inner.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        texts, labels, ids = (list(column) for column in zip(*rows, strict=True))
        parquet.write_table(arrow.table({"text": texts, "id": ids, "label": labels}), path)
        return path
    if inner.endswith(".jsonl"):
        content = "".join(
            json.dumps({"text": text, "id": number, "label": label}) + "\n"
            for text, label, number in rows
        )
    else:
        mark = "\t" if inner.endswith(".tsv") else ","
        lines = [("text", "id", "label")]
        lines += [('"' + t.replace('"', '""') + '"', str(i), label) for t, label, i in rows]
        content = "".join(mark.join(line) + "\n" for line in lines)
    raw = content.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.tsv.gz"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    read = read_labelled(path)
    assert list(zip(read.texts, read.labels, strict=True)) == [row[:2] for row in ROWS]
    assert read.columns == Columns("text", "label")
    rows = list(Table.open(path).rows(Reading()))
    assert [list(row.values) for row in rows] == [["text", "id", "label"]] * 3
    assert [int(row.values["id"]) for row in rows] == [1, 2, 3]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [*ROWS, ("last", "bad", 4)])
    assert [row.line for row in Table.open(path).rows(Reading())] == [2, 3, 4, 6]


def test_tabs_do_not_part_csv_nor_commas_tsv(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\n\tx\none, two\ty\n")
    read = read_labelled(path)
    assert read.texts == ("", "one, two")
    assert read.labels == ("x", "y")


def test_semicolons_part_csv_where_its_first_line_has_no_comma(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufefftext;id;label\n"one; two, three";7;x\nvier;8;y\n')
    read = read_labelled(path)
    assert read.texts == ("one; two, three", "vier")
    assert read.labels == ("x", "y")
    assert [row.values["id"] for row in Table.open(path).rows(Reading())] == ["7", "8"]
    path.write_text('"the, text";"label"\n"one";"x" y\n"two";"z"\n')
    assert Table.open(path).columns == ("the, text", "label")
    with pytest.raises(CorruptText, match="after a closing quote, where a semicolon belongs"):
        read_labelled(path, "the, text")
    path.write_text("text,a;b\none,x\n")
    assert Table.open(path).columns == ("text", "a;b")
    path.write_text('"a;b"\none\n')
    assert Table.open(path).columns == ("a;b",)


def test_real_tsv_with_quotes(shared_data: Path) -> None:
    path = shared_data / "cad_nli" / "combined_dev.tsv"
    read = read_labelled(path, "sentence1")
    assert len(read) == 1000
    assert set(read.labels) == {"neutral", "entailment", "contradiction"}
    assert read.columns.label == "gold_label"


def columns_of(header: str, tmp_path: Path, **named: str) -> Columns:
    path = tmp_path / "a.csv"
    path.write_text(header + "\n")
    return Columns.of(Table.open(path), **named)


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("text,category", "text", "category"),
        ("Sentence,Class", "Sentence", "Class"),
        ("id,label,review", "review", "label"),
        ("title,text,label,target", "text", "label"),
        (" tweet ,gold_label", " tweet ", "gold_label"),
    ],
)
def test_columns_are_found_by_their_names(
    tmp_path: Path, header: str, text: str, label: str
) -> None:
    assert columns_of(header, tmp_path) == Columns(text, label)


def test_named_columns_win(tmp_path: Path) -> None:
    found = columns_of(
        "text,title,label,topic", tmp_path, text_column="title", label_column="topic"
    )
    assert found == Columns("title", "topic")
    assert str(found) == "text from column 'title', labels from column 'topic'"


@pytest.mark.parametrize(
    ("header", "named", "words"),
    [
        (
            "a,b",
            {},
            r"'text' \(nor 'sentence', .*; its columns are: 'a', 'b'. Choose with --text",
        ),
        ("review,title,label", {}, r"several could be meant: 'review', 'title'; .*--text-column"),
        ("text,x", {}, r"none is named 'label' \(nor .* 'tag'\); its columns are.*--label-column"),
        ("text,TEXT,label", {}, r"several could be meant: 'text', 'TEXT'"),
        ("text,label", {"text_column": "body"}, r"no column 'body' for the text; its columns are:"),
        ("text,label", {"label_column": "text"}, r"different columns, but in .* 'text', 'text'"),
        ("text,label,label", {}, r"several called 'label'"),
        ("", {}, r"must have rows"),
    ],
)
def test_columns_that_cannot_be_told_are_an_error_that_lists_them(
    tmp_path: Path, header: str, named: dict[str, str], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        columns_of(header, tmp_path, **named)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("x", "x"),
        (" x", " x"),
        (3, "3"),
        (-1, "-1"),
        (1.0, "1.0"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_labels_are_names(value: object, name: str) -> None:
    assert label_name(value) == name


def test_numbers_mean_the_same_in_text_and_in_json(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nx,0\ny,1\n")
    (tmp_path / "a.jsonl").write_text('{"text":"x","label":0}\n{"text":"y","label":1}\n')
    assert read_labelled(tmp_path / "a.csv").labels == read_labelled(tmp_path / "a.jsonl").labels


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('""', "it is empty; give the row a label or remove it"),
        ('"  "', "it is empty"),
        ("null", "it is empty"),
        ("NaN", "it is 'nan'"),
        ('"NaN"', "it is 'NaN'"),
        ('["a"]', "it is an array; write one label a row"),
        ('{"a": 1}', "it is an object"),
        ('"\\ud800"', "half of a surrogate pair"),
    ],
)
def test_a_bad_label_is_an_error_with_place_and_remedy(
    tmp_path: Path, value: str, words: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "x", "label": "a"}}\n{{"text": "y", "label": {value}}}\n')
    with pytest.raises(DataError, match=words) as caught:
        read_labelled(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "'label'" in str(caught.value)


def test_an_empty_csv_cell_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,a\ny,\n")
    with pytest.raises(DataError, match=r"a\.csv:3: .*it is empty"):
        read_labelled(path)


def test_a_record_without_the_label_lists_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "a"}\n{"text": "y", "other": 1}\n')
    with pytest.raises(DataError, match=r":2: .*no column 'label'; its columns are: 'text', 'oth"):
        read_labelled(path)


def test_labels_that_differ_in_spaces_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,good\ny, good\n")
    with pytest.raises(DataError, match=r":3 has ' good' and .*:2 'good'; write them alike"):
        read_labelled(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"text": 3, "label": "a"}', "column 'text' holds a number, not text"),
        (b'{"text": null, "label": "a"}', "column 'text' holds null, not text"),
        (b'{"label": "a"}', "no column 'text'; its columns are: 'label'"),
        (b'{"text": "x", "label"', "not JSON"),
        (b'{"text": "\xff", "label": "a"}', "not UTF-8"),
        (b'{"text": "\\ud800", "label": "a"}', "half of a surrogate pair"),
        (b"[1]", "a record is a JSON object"),
    ],
)
def test_a_bad_row_stops_with_its_place_or_is_skipped_and_counted(
    tmp_path: Path, line: bytes, words: str
) -> None:
    path = tmp_path / "a.jsonl"
    good = b'{"text": "x", "label": "a"}\n'
    path.write_bytes(good + line + b"\n" + good)
    with pytest.raises(CorruptText, match=words) as caught:
        read_labelled(path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    read = read_labelled(path, reading=Reading("skip", max_bad=0.5))
    assert (len(read), read.skipped) == (2, 1)
    with pytest.raises(TextError, match="--max-bad"):
        read_labelled(path, reading=Reading("skip", max_bad=0.01))


def test_a_row_without_a_label_stops_or_is_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\none,x\ntwo,\nthree,y\nfour,\n")
    with pytest.raises(DataError, match=r"a\.csv:3: every label must be a name"):
        read_labelled(path)
    reading = Reading("skip", max_bad=0.9)
    read = read_labelled(path, reading=reading)
    assert (read.texts, read.labels, read.skipped) == (("one", "three"), ("x", "y"), 2)
    assert reading.examples[0].count("a.csv:3") == 1
    with pytest.raises(TextError):
        read_labelled(path, reading=Reading("skip", max_bad=0.01))


def test_where_no_row_has_a_label_that_is_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\none,\ntwo,\n")
    with pytest.raises(DataError, match=r"has none: 2 bad places were left out .*a\.csv:2: every"):
        read_labelled(path, reading=Reading("skip", max_bad=1.0))


def test_a_csv_row_of_other_length_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,a\nx,a,b\n")
    with pytest.raises(CorruptText, match=r"a\.csv:3: 3 fields where the header has 2"):
        read_labelled(path)


def test_bad_rows_at_the_head_are_found_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{broken\n{"text": "x", "label": "a"}\n')
    with pytest.raises(CorruptText, match=":1: not JSON"):
        read_labelled(path)
    assert len(read_labelled(path, reading=Reading("skip", max_bad=0.9))) == 1
    path.write_text("{broken\n")
    with pytest.raises(CorruptText, match="no record can be read"):
        Table.open(path)


def test_truncated_gzip_and_parquet(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.csv.gz").read_bytes()
    (tmp_path / "a.csv.gz").write_bytes(whole[:-12])
    with pytest.raises(CorruptText, match="ends in the middle"):
        read_labelled(tmp_path / "a.csv.gz")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(CorruptText, match="not readable as Parquet"):
        read_labelled(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "is none; check the path"),
        ("a.xlsx", b"x", "must be one of .csv, .tsv"),
        ("a.csv", b"text,label\n", "must have rows, but .* has none"),
        ("a.jsonl", b"", "is empty"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_labelled(tmp_path / name)


def test_labels_are_ordered_by_value_or_by_name() -> None:
    assert sorted_labels(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert sorted_labels(["b", "10", "9"]) == ("10", "9", "b")
