"""Corrupt text in each format: where it is named, what is left out, and when it is too much."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from unmask.errors import ConfigError, CorruptText, TextError
from unmask.text.bad import EARLY_RECORDS, MAX_EXAMPLES, Reading
from unmask.text.sources import TextSources

GOOD = b'{"text": "fine"}\n'
PLACES = {
    "bad UTF-8 in text": (
        "a.txt",
        b"fine\nb\xe9d\nfine\n",
        2,
        "byte 0xe9 at column 2 is not UTF-8",
    ),
    "bad UTF-8 in markdown": ("a.md", b"fine\nfine\n\xff\n", 3, "byte 0xff at column 1"),
    "bad UTF-8 in rst": ("a.rst", b"\x80\nfine\nfine\n", 1, "byte 0x80 at column 1"),
    "UTF-16": ("a.txt", "hi".encode("utf-16"), 1, "this is UTF-16, not UTF-8; convert it first"),
    "bad UTF-8 in JSON": ("a.jsonl", GOOD + b'{"text": "b\xe9d"}\n' + GOOD, 2, "byte 0xe9"),
    "broken JSON": ("a.jsonl", GOOD + GOOD + b'{"text": "fi\n', 3, "not JSON: Unterminated string"),
    "no object": ("a.jsonl", GOOD + b"[1]\n" + GOOD, 2, "JSON object, and this is an array"),
    "deep nesting": ("a.jsonl", b"[" * 200_000 + b"\n" + GOOD, 1, "nested too deep"),
    "a giant integer": ("a.jsonl", b'{"text": ' + b"9" * 5000 + b"}\n" + GOOD, 1, "digits"),
    "missing field": (
        "a.jsonl",
        GOOD + b'{"body": "x", "id": 3}\n',
        2,
        r"no field 'text'; the fields are: 'body', 'id' \(choose with --field\)",
    ),
    "wrong type": ("a.jsonl", GOOD + b'{"text": 3}\n', 2, "field 'text' holds a number"),
    "null": ("a.jsonl", GOOD + b'{"text": null}\n', 2, "field 'text' holds null"),
    "half a surrogate": ("a.jsonl", GOOD + b'{"text": "\\ud83d!"}\n', 2, r"\(\\ud83d\), no charac"),
    "bad UTF-8 in CSV": ("a.csv", b"text,n\nfine,1\nb\xe9d,2\n", 3, "byte 0xe9 is not UTF-8"),
    "too many fields": ("a.csv", b"text,n\na,b,c\nfine,1\n", 2, "3 fields where the header has 2"),
    "too few fields": ("a.csv", b"text,n\nfine,1\na\n", 3, "1 field where the header has 2"),
    "text after a quote": ("a.csv", b'text,n\n"a"b,1\nfine,1\n', 2, "'b' after a closing quote"),
    "an open quote": ("a.csv", b'text,n\nfine,1\n"a,1\nb,2\n', 3, "quote is opened that is not"),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_bad_place_stops_with_file_and_line(case, tmp_path, read):
    name, content, line, reason = PLACES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorruptText, match=reason) as error:
        read(path)
    assert (error.value.file, error.value.line) == (str(path), line)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert "--on-bad skip" in str(error.value)


@pytest.mark.parametrize("case", PLACES)
def test_a_bad_place_is_left_out_and_counted(case, tmp_path):
    name, content, line, _ = PLACES[case]
    path = tmp_path / name
    path.write_bytes(content)
    reading = Reading("skip", 1.0)
    found = list(TextSources.find([path]).documents(reading))
    assert reading.bad == 1
    assert reading.examples[0].startswith(f"{path}:{line}: ")
    text = "\n".join(document.text for document in found)
    if case != "UTF-16":
        assert set(text.split()) == {"fine"}
    with pytest.raises(TextError, match=r"1 of \d+ records are bad, more than the share of 0.01"):
        Reading.check(_with(reading, max_bad=0.01), path.stat().st_size)


def _with(reading: Reading, max_bad: float) -> Reading:
    reading.max_bad = max_bad
    return reading


def damaged(name: str, raw: bytes, how: str) -> bytes:
    compress = gzip.compress if name.endswith(".gz") else pytest.importorskip("zstandard").compress
    packed = bytearray(compress(raw))
    if how == "cut off":
        return bytes(packed[: len(packed) * 2 // 3])
    if how == "empty tail missing":
        return bytes(packed[:-1])
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    return bytes(packed)


# Text that packs badly, so that damage in the middle of the file is in the middle of the text.
LINES = [json.dumps({"text": f"line {n * n * 7919 % 100_003} of {n}"}) for n in range(4000)]


@pytest.mark.parametrize("how", ["cut off", "empty tail missing", "flipped bits"])
@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_damaged_compressed_file_is_a_bad_place_at_its_line(name, how, tmp_path, read):
    path = tmp_path / name
    path.write_bytes(damaged(name, "\n".join(LINES).encode(), how))
    with pytest.raises(CorruptText) as error:
        read(path)
    assert error.value.file == str(path)
    reading = Reading("skip", 1.0)
    found = list(TextSources.find([path]).documents(reading))
    texts = [json.loads(line)["text"] for line in LINES]
    if how != "flipped bits":
        assert "ends in the middle" in str(error.value)
        assert error.value.line == len(found) + 1
        assert [document.text for document in found] == texts[: len(found)]
        assert reading.lost_bytes == 0
    assert reading.bad >= 1


def test_a_damaged_tail_of_a_gzip_file_is_named(tmp_path, read):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"One.\n") + b"no gzip")
    with pytest.raises(CorruptText, match=r"a\.txt\.gz:2: the file cannot be read further"):
        read(path)


def test_a_broken_parquet_file_is_one_bad_place(write, read):
    path = write("a.parquet", ["One."] * 100)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptText, match="it is not readable as Parquet") as error:
        read(path)
    assert error.value.file == str(path)


def test_a_parquet_file_that_breaks_later_gives_what_stands_before(tmp_path, read):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    texts = [f"text number {n * n}" for n in range(2000)]
    parquet.write_table(arrow.table({"text": texts}), path, row_group_size=500, compression="gzip")
    start = parquet.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    raw = bytearray(path.read_bytes())
    raw[start : start + 200] = b"\xff" * 200
    path.write_bytes(raw)
    reading = Reading("skip", 1.0)
    found = list(TextSources.find([path]).documents(reading))
    assert [document.text for document in found] == texts[: len(found)]
    assert 500 <= len(found) <= 1000
    assert reading.bad == 1
    assert reading.lost_bytes >= path.stat().st_size // 3
    with pytest.raises(CorruptText):
        read(path)


def test_null_in_parquet_is_a_bad_row(tmp_path, read):
    arrow = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table({"text": ["One.", None]}), path)
    with pytest.raises(CorruptText, match=r"a\.parquet:2: column 'text' holds null"):
        read(path)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_a_missing_field_lists_those_that_are_there(name, write, read):
    path = write(name, ["One."])
    with pytest.raises(CorruptText, match=r"'body'; the (fields|columns) are: 'id', 'text'"):
        read(path, field="body")


def test_a_column_named_twice_is_no_choice(tmp_path, read):
    (tmp_path / "a.csv").write_text("text,text\na,b\n")
    with pytest.raises(CorruptText, match=r"a\.csv:1: more than one column 'text'"):
        read(tmp_path / "a.csv")


def test_a_csv_file_without_a_header_is_named(tmp_path, read):
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(CorruptText, match="no column 'text'; the file is empty"):
        read(tmp_path / "a.csv")


def jsonl(path: Path, good: int, bad: int, bad_first: bool = False) -> Path:
    blocks = [GOOD * good, b"{\n" * bad]
    path.write_bytes(b"".join(reversed(blocks) if bad_first else blocks))
    return path


def test_skipping_holds_up_to_the_limit_and_not_past_it(tmp_path, read):
    assert len(read(jsonl(tmp_path / "a.jsonl", 990, 10), on_bad="skip")) == 990
    with pytest.raises(TextError, match="11 of 1,000 records are bad") as error:
        read(jsonl(tmp_path / "b.jsonl", 989, 11), on_bad="skip")
    assert "--max-bad" in str(error.value)
    assert str(tmp_path / "b.jsonl:990") in str(error.value)


def test_a_hopeless_file_fails_early(tmp_path, read):
    path = jsonl(tmp_path / "a.jsonl", 0, 50_000)
    with pytest.raises(TextError, match=f"of the first {EARLY_RECORDS:,} records"):
        read(path, on_bad="skip", check=False)


def test_bad_records_at_the_start_may_be_diluted(tmp_path, read):
    path = jsonl(tmp_path / "a.jsonl", 9950, 50, bad_first=True)
    assert len(read(path, on_bad="skip")) == 9950


def test_no_limit_means_no_limit(tmp_path, read):
    path = jsonl(tmp_path / "a.jsonl", 10, 5000)
    assert len(read(path, on_bad="skip", max_bad=1.0)) == 10


def test_zero_tolerance_is_possible(tmp_path, read):
    with pytest.raises(TextError, match="1 of 101 records"):
        read(jsonl(tmp_path / "a.jsonl", 100, 1), on_bad="skip", max_bad=0.0)


def test_a_file_that_is_lost_whole_counts_by_its_size(write, read, tmp_path):
    write("good.jsonl", [f"text {n}" for n in range(1000)])
    bad = write("bad.csv", [f"text {n}" for n in range(1000)])
    bad.write_bytes(bad.read_bytes().replace(b"id,text", b"id,body"))
    with pytest.raises(TextError, match=r"[\d,]+ of [\d,]+ bytes cannot be read"):
        read(tmp_path, on_bad="skip")
    assert len(read(tmp_path, on_bad="skip", max_bad=0.9)) == 1000


def test_an_open_quote_loses_the_rest_of_the_file(tmp_path, read):
    rows = "".join(f"text {n},{n}\n" for n in range(500))
    (tmp_path / "a.csv").write_text(f'text,n\n{rows}"open,1\n{rows}')
    with pytest.raises(TextError, match="bytes cannot be read"):
        read(tmp_path / "a.csv", on_bad="skip")


def test_examples_are_kept_up_to_a_cap(tmp_path):
    reading = Reading("skip", 1.0)
    path = jsonl(tmp_path / "a.jsonl", 0, 100)
    list(TextSources.find([path]).documents(reading))
    assert reading.bad == 100
    assert len(reading.examples) == MAX_EXAMPLES


def test_what_was_left_out_is_named_by_its_first_places():
    reading = Reading("skip", 1.0)
    assert reading.left_out == ""
    reading.report_bad("a.csv", 4, "2 fields where the header has 3")
    one = "1 bad place left out (--on-bad skip): a.csv:4 (2 fields where the header has 3)"
    assert reading.left_out == one
    for line in range(5, 30):
        reading.report_bad("a.csv", line, "another")
    assert reading.left_out == one.replace("1 bad place", "26 bad places") + (
        ", a.csv:5, a.csv:6, a.csv:7, a.csv:8 and 21 more"
    )


def test_bad_places_of_a_file_without_lines_are_named_once():
    reading = Reading("skip", 1.0)
    for number in range(3):
        reading.report_bad("a.json", None, f"question '{number}': it is empty")
    assert reading.left_out == (
        "3 bad places left out (--on-bad skip): a.json (question '0': it is empty) and 2 more"
    )


@pytest.mark.parametrize(("on_bad", "max_bad"), [("ignore", 0.01), ("skip", -0.1), ("skip", 1.5)])
def test_settings_out_of_range_are_errors(on_bad, max_bad):
    with pytest.raises(ConfigError, match=r"ignore|-0\.1|1\.5"):
        Reading(on_bad, max_bad)
