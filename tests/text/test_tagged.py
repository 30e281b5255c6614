"""Tagged files: CoNLL with its variants, tables with lists, and all that is bad in them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from unmask.errors import CorruptText, DataError, TextError
from unmask.text.bad import Reading
from unmask.text.tagged import Tagged, read_tagged

TAB = "Ada\tB-per\nwas\tO\n\t\nLondon\tB-loc\n\t\n\t\n calling\tO\n"


def read(tmp_path: Path, text: str, name: str = "a.conll", **named: str) -> Tagged:
    path = tmp_path / name
    raw = text.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return read_tagged(path, **named)


def test_lines_of_white_space_part_sentences(tmp_path: Path) -> None:
    found = read(tmp_path, TAB)
    assert found.words == (("Ada", "was"), ("London",), (" calling",))
    assert found.tags == (("B-per", "O"), ("B-loc",), ("O",))
    assert found.scheme.name == "BIO"
    assert found.types == {"per", "loc"}
    assert found.columns == "words from column 1, tags from the last column"


def test_columns_parted_by_spaces_and_documents(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP  I-NP I-ORG\nrejects VBZ I-VP O\r\n\n# # O O\n"
    found = read(tmp_path, text, "eng.testa")
    assert found.words == (("EU", "rejects"), ("#",))
    assert found.tags == (("I-ORG", "O"), ("O",))
    assert found.scheme.name == "IOB1"
    parts = read(tmp_path, text, "eng.testa", label_column="2")
    assert parts.tags == (("NNP", "VBZ"), ("#",))
    assert parts.scheme.name == "plain"
    assert parts.columns == "words from column 1, tags from column 2"


def test_universal_dependencies(tmp_path: Path) -> None:
    text = (
        "# text = it's\n1-2\tit's\t_\t_\t_\t_\t_\t_\t_\t_\n"
        "1\tit\tit\tPRON\tPRP\t_\t2\tx\t_\t_\n2\t's\tbe\tAUX\tVBZ\t_\t0\tx\t_\t_\n\n"
    )
    found = read(tmp_path, text, "a.conllu")
    assert (found.words, found.tags) == ((("it", "'s"),), (("PRON", "AUX"),))


def test_a_header_is_no_word(tmp_path: Path) -> None:
    found = read(tmp_path, "Token\tPOS\nword\tNOUN\n\ntoken\tpos\n", "a.tsv")
    assert found.tags == (("NOUN",), ("pos",))


def test_words_may_hold_spaces_where_tabs_part_columns(tmp_path: Path) -> None:
    found = read(tmp_path, "1 000\tNUM\n\u3000\tX\n")
    assert found.words == (("1 000", "\u3000"),)


@pytest.mark.parametrize("name", ["a.conll.gz", "a.jsonl", "a.parquet"])
def test_every_format_gives_the_same(tmp_path: Path, name: str) -> None:
    rows = [{"tokens": ["Ada", "was"], "tags": ["B-per", "O"]}, {"tokens": [], "tags": []}]
    path = tmp_path / name
    if name.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow")
        table = arrow.Table.from_pylist(rows)
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
        found = read_tagged(path)
    elif name.endswith(".jsonl"):
        found = read(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), name)
    else:
        found = read(tmp_path, "Ada\tB-per\nwas\tO\n", name)
    assert (found.words, found.tags) == ((("Ada", "was"),), (("B-per", "O"),))


def test_columns_of_tables_are_named(tmp_path: Path) -> None:
    row = json.dumps({"w": ["a"], "ner_tags": ["O"], "pos_tags": ["DET"]}) + "\n"
    found = read(tmp_path, row, "a.jsonl", text_column="w", label_column="pos_tags")
    assert found.tags == (("DET",),)
    with pytest.raises(DataError, match=r"several could be meant: 'ner_tags', 'pos_tags'"):
        read(tmp_path, row, "a.jsonl", text_column="w")


def test_real_entities(shared_data: Path) -> None:
    folder = shared_data / "wnut17"
    counts = {}
    for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"):
        found = read_tagged(folder / name)
        assert found.scheme.name == "BIO"
        counts[name] = (len(found), sum(map(len, found.spans)))
    assert list(counts.values()) == [(3394, 1975), (1009, 836), (1287, 1079)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada\nwas\n", r"a.conll:1: .*single column 'Ada'"),
        ("Ada\tB-x\n\nwas\tO\tO\n", r"a.conll:3: 3 columns where the first line has 2"),
        ("Ada B-x\nwas\n", r"a.conll:2: .*single column 'was'"),
        ("\tO\nA\tO\n", r"a.conll:1: the word is empty"),
        ("A\tO\t \n", r"a.conll:1: .*"),
    ],
)
def test_bad_lines_name_their_place(tmp_path: Path, text: str, words: str) -> None:
    if text.endswith("\t \n"):  # white space at the end is no column
        assert read(tmp_path, text).tags == (("O",),)
        return
    with pytest.raises(CorruptText, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, r"a.jsonl:1: .*2 words in 'tokens' and 1 tags"),
        ({"tokens": "a b", "tags": ["O"]}, r"must hold a list of words, but holds a string"),
        ({"tokens": ["a"], "tags": [3]}, r"has 3, a number; write tags by name"),
        ({"tokens": ["a"], "tags": [" "]}, r"a tag in column 'tags' is empty"),
        ({"tokens": ["a"], "tags": None}, r"must hold a list of tags, but holds null"),
    ],
)
def test_bad_rows_name_their_place(tmp_path: Path, row: dict[str, object], words: str) -> None:
    with pytest.raises(CorruptText, match=words):
        read(tmp_path, json.dumps(row) + "\n", "a.jsonl")


def test_a_bad_line_takes_its_sentence_along(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes(b"a\tO\nb\n\nc\tB-x\n\nd\tO\n\xff\tO\ne\tO\n\n")
    found = read_tagged(path, reading=Reading("skip", max_bad=1.0))
    assert found.words == (("c",),)
    assert found.skipped == 2
    with pytest.raises(TextError, match="2 of 9 records are bad"):
        read_tagged(path, reading=Reading("skip"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.conll", "", r"must have sentences with words, but .*a.conll has none"),
        ("a.conll", "\n \n-DOCSTART-\tO\n", r"has none"),
        ("a.jsonl", '{"tokens": [], "tags": []}\n', r"has none"),
        ("a.csv", "tokens,tags\n", r"CoNLL file, or in lists in .jsonl or .parquet"),
        ("a.conll", "Ada\tB-x\nwas\tO\n\nsays\tI-x\n", r"a.conll:4: tags must follow one scheme"),
        ("a.conll", "a b c\n", None),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, text: str, words: str | None) -> None:
    if words is None:
        with pytest.raises(DataError, match=r"numbers, 1 for the first .* instead of 'tokens'"):
            read(tmp_path, text, name, text_column="tokens")
        with pytest.raises(CorruptText, match=r"no column 4: the line has 3"):
            read(tmp_path, text, name, label_column="4")
        return
    with pytest.raises(DataError, match=words):
        read(tmp_path, text, name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is none; check the path"):
        read_tagged(tmp_path / "none.conll")
