"""Files to documents: every format, every unit, and text near the limits of its format."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.files import write_texts
from unmask.errors import ConfigError, TextError
from unmask.text.bad import Reading
from unmask.text.empty import is_empty
from unmask.text.readers import kind_of, stem_of
from unmask.text.sources import TextSources
from unmask.text.tables import csv_texts

RECORDS = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json-lines", "a.csv", "a.csv.gz", "a.parquet"]
PLAIN = ["a.txt", "a.md", "a.rst", "a.txt.gz", "a.md.zst"]

# Any text that UTF-8 can hold and in which something is to be seen; else it is no document.
TEXTS = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: not is_empty(text)),
    max_size=8,
)


def texts_of(path: Path, **how: str) -> list[str]:
    found = TextSources.find([path]).documents(Reading(), **how)  # type: ignore[arg-type]
    return [document.text for document in found]


@pytest.mark.parametrize("name", RECORDS)
def test_records_come_back_unchanged(name, write, read):
    texts = ["One.", 'Two, with "quotes",\nand a second line.', " spaces around ", "Ünïcødé 雪 🙂"]
    found = read(write(name, texts))
    assert [document.text for document in found] == texts
    assert {document.group for document in found} == {"a"}


@pytest.mark.parametrize("name", PLAIN)
def test_lines_come_back_unchanged(name, write, read):
    texts = ["One.", "  indented", "Ünïcødé 雪 🙂"]
    assert [document.text for document in read(write(name, texts), document="line")] == texts


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_any_text_survives_json_lines(name, texts):
    with tempfile.TemporaryDirectory() as folder:
        assert texts_of(write_texts(Path(folder, name), texts)) == texts


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), TEXTS.map("".join))))
def test_any_text_survives_csv_as_the_standard_library_writes_it(rows):
    rows = [(other, text) for other, text in rows if text]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["other", "text"])
            writer.writerows(rows)
        assert texts_of(path) == [text for _, text in rows]


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_any_text_survives_parquet(texts):
    with tempfile.TemporaryDirectory() as folder:
        assert texts_of(write_texts(Path(folder, "a.parquet"), texts)) == texts


def test_the_default_unit_depends_on_the_kind_of_file(tmp_path, read):
    content = "One\nline two.\n\n\n \nThree.\n"
    for name, expected in [
        ("a.txt", ["One\nline two.", "Three."]),
        ("a.md", ["One\nline two.\n\n\n \nThree."]),
        ("a.rst", ["One\nline two.\n\n\n \nThree."]),
    ]:
        (tmp_path / name).write_text(content)
        assert [document.text for document in read(tmp_path / name)] == expected


@pytest.mark.parametrize(
    ("unit", "expected", "lines"),
    [
        ("file", ["One\ntwo.\n\nThree."], [None]),
        ("blank-line", ["One\ntwo.", "Three."], [2, 5]),
        ("line", ["One", "two.", "Three."], [2, 3, 5]),
    ],
)
def test_units_and_where_they_begin(unit, expected, lines, tmp_path, read):
    path = tmp_path / "a.txt"
    path.write_text("\nOne\ntwo.\n\nThree.\n\n")
    found = read(path, document=unit)
    assert [document.text for document in found] == expected
    assert [document.source for document in found] == [
        str(path) if line is None else f"{path}:{line}" for line in lines
    ]


@pytest.mark.parametrize(
    ("name", "unit", "remedy"),
    [
        ("a.txt", "record", "file, blank-line or line"),
        ("a.md", "record", "leave it away for file"),
        ("a.jsonl", "line", "Leave --document away"),
        ("a.csv", "file", "Leave --document away"),
        ("a.parquet", "blank-line", "Leave --document away"),
    ],
)
def test_a_unit_that_the_format_lacks_is_an_error_with_the_remedy(name, unit, remedy, write, read):
    path = write(name, ["One.", "Two."])
    with pytest.raises(TextError, match=remedy) as error:
        read(path, document=unit)
    assert str(path) in str(error.value)


def test_an_unknown_unit_is_named(write, read):
    with pytest.raises(ConfigError, match="not 'page'"):
        read(write("a.txt", ["One."]), document="page")


def test_a_wrong_unit_is_found_before_anything_is_read(write, read, tmp_path):
    write("a.txt", ["One."])
    write("b.jsonl", ["Two."])
    reading = Reading()
    with pytest.raises(TextError, match=r"b\.jsonl"):
        next(TextSources.find([tmp_path]).documents(reading, document="line"))
    assert reading.seen == 0


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte-order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["last line ended", "last line open"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_marks_and_line_ends_are_no_part_of_the_text(name, last, end, mark, tmp_path, read):
    lines = {
        "a.txt": [b"One.", b"Two."],
        "a.jsonl": [b'{"text": "One."}', b'{"text": "Two."}'],
        "a.csv": [b"text,label", b"One.,x", b'"Two.",y'],
    }[name]
    path = tmp_path / name
    path.write_bytes(mark + end.join(lines) + (end if last else b""))
    found = read(path, **({"document": "line"} if name == "a.txt" else {}))
    assert [document.text for document in found] == ["One.", "Two."]


def test_nul_and_other_control_characters_are_text(write, read):
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        assert read(write(name, ["a\0b\x1a\x85\u2028c"]))[0].text == "a\0b\x1a\x85\u2028c"
    found = read(write("a.txt", ["a\0b\x1a\x85\u2028c"]), document="line")
    assert [document.text for document in found] == ["a\0b\x1a\x85\u2028c"]


def test_a_surrogate_pair_in_json_escapes_is_one_character(tmp_path, read):
    (tmp_path / "a.jsonl").write_text('{"text": "\\ud83d\\ude42"}\n')
    assert read(tmp_path / "a.jsonl")[0].text == "🙂"


def test_semicolons_part_csv_as_spreadsheets_write_it(tmp_path, read):
    (tmp_path / "a.csv").write_text('id;text\n1;"One; two, three."\n')
    assert [document.text for document in read(tmp_path / "a.csv")] == ["One; two, three."]
    reading = Reading()
    assert len(list(csv_texts(tmp_path / "a.csv", "a.csv", "text", reading))) == 1
    assert reading.seen == 2  # the header and a record, each once


def test_blank_text_is_no_document(write, read):
    assert read(write("a.jsonl", ["", " \n\t", "x"]))[0].text == "x"
    assert read(write("b.csv", [" ", "x"]))[0].source.endswith("b.csv:3")
    assert read(write("c.txt", ["", " ", ""])) == []


def test_blank_lines_between_records_are_no_records(tmp_path, read):
    (tmp_path / "a.jsonl").write_text('{"text": "One."}\n\n  \n{"text": "Two."}\n')
    assert [document.source[-2:] for document in read(tmp_path / "a.jsonl")] == [":1", ":4"]
    (tmp_path / "a.csv").write_text("text\n\nOne.\n")
    assert read(tmp_path / "a.csv")[0].source.endswith("a.csv:3")


def test_the_field_is_a_choice(write, tmp_path, read):
    (tmp_path / "a.jsonl").write_text('{"body": "One.", "text": 3}\n')
    (tmp_path / "b.csv").write_text("id,body\n1,One.\n")
    for name in ("a.jsonl", "b.csv"):
        assert read(tmp_path / name, field="body")[0].text == "One."
    parquet = write("c.parquet", ["One."])
    with pytest.raises(TextError, match=r"column 'id' holds int64, not text"):
        read(parquet, field="id")


def test_a_csv_record_over_several_lines_counts_from_its_first(tmp_path, read):
    (tmp_path / "a.csv").write_text('text,n\n"One\n\n""two""\n",1\nThree,2\n"",3\n"x, y","a\nb"\n')
    found = read(tmp_path / "a.csv")
    assert [document.text for document in found] == ['One\n\n"two"\n', "Three", "x, y"]
    assert [document.source.rpartition(":")[2] for document in found] == ["2", "6", "8"]


def test_quotes_inside_an_unquoted_csv_field_are_text(tmp_path, read):
    (tmp_path / "a.csv").write_text('text,n\na 5" pipe,1\n6" too,2\n')
    assert [document.text for document in read(tmp_path / "a.csv")] == ['a 5" pipe', '6" too']


def test_zstd_frames_follow_each_other(tmp_path, read):
    zstd = pytest.importorskip("zstandard")
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zstd.compress(b"One.\n\nTw") + zstd.compress(b"o.\n"))
    assert [document.text for document in read(path)] == ["One.", "Two."]


def test_empty_files_have_no_documents(tmp_path, read):
    for name in ("a.txt", "a.md", "a.jsonl", "a.txt.gz", "a.txt.zst"):
        (tmp_path / name).write_bytes(b"")
        assert read(tmp_path / name) == []


def test_dictionary_and_large_string_columns_are_text(tmp_path, read):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    kinds = [arrow.large_string(), arrow.dictionary(arrow.int32(), arrow.string())]
    for number, kind in enumerate(kinds):
        path = tmp_path / f"{number}.parquet"
        parquet.write_table(arrow.table({"text": arrow.array(["One.", "Two."], kind)}), path)
        assert [document.text for document in read(path)] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("module", "name"), [("zstandard", "a.txt.zst"), ("pyarrow.parquet", "a.parquet")]
)
def test_a_missing_extra_says_what_to_type(module, name, write, read, monkeypatch):
    path = write(name, ["One."])
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(TextError, match=r"pip install 'unmask\[data\]'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "kind", "stem"),
    [
        ("a.txt", ".txt", "a"),
        ("A.TXT", ".txt", "A"),
        ("v1.2.jsonl.gz", ".jsonl", "v1.2"),
        ("a.parquet.gz", None, "a"),
        ("a.gz", None, "a"),
        ("a.tar.gz", None, "a.tar"),
        ("a", None, "a"),
        ("a.json", None, "a.json"),
    ],
)
def test_kinds_and_stems(name, kind, stem):
    assert kind_of(Path(name)) == kind
    assert stem_of(Path(name)) == stem


def test_the_shared_files_are_read_whole(shared_data, read):
    banking = read(shared_data / "banking77" / "train.csv")
    assert len(banking) == 10_003
    with (shared_data / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        assert [document.text for document in banking] == [
            row["text"] for row in csv.DictReader(file)
        ]
    raw = (shared_data / "text" / "books-valid.txt").read_text(encoding="utf-8")
    books = read(shared_data / "text" / "books-valid.txt")
    assert [book.text for book in books] == raw.strip("\n").split("\n\n")
    blimp = shared_data / "blimp" / "adjunct_island.jsonl"
    good = read(blimp, field="sentence_good")
    lines = blimp.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["sentence_good"] for line in lines] == [d.text for d in good]
