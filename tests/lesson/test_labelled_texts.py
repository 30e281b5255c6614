"""Labelled texts of the second exercise: tables, the split, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from unmask.errors import DataError, TextError


@pytest.fixture(scope="module")
def labelled(sentiment_rivals: ModuleType) -> ModuleType:
    """`lesson/code/labelled_texts.py`, as the exercise imported it."""
    assert sentiment_rivals is not None
    return sys.modules["labelled_texts"]


def table(path: Path, *rows: str, header: str = "text,label") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


MANY = [f"text number {n},{'pos' if n % 3 else 'neg'}" for n in range(200)]


def test_a_split_is_even_handed_and_does_not_depend_on_the_order_of_rows(
    labelled: ModuleType, tmp_path: Path
) -> None:
    data = labelled.Data.read(table(tmp_path / "a.csv", *MANY))
    split = data.split(3, 10_000)
    assert (len(split.train), len(split.test)) == (190, 10)
    assert not split.train.keys() & split.test.keys()
    assert {**split.train, **split.test} == data.rows
    turned = labelled.Data.read(table(tmp_path / "b.csv", *reversed(MANY))).split(3, 10_000)
    assert (turned.train, turned.test) == (split.train, split.test)
    assert data.split(4, 10_000).test != split.test
    few = data.split(3, 60)
    assert (len(few.train), len(few.test)) == (60, 140)


def test_a_text_counts_once_whatever_its_case_and_spaces(
    labelled: ModuleType, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.csv", "So  good,pos", "so good,neg", "bad,neg", " ,neg")
    assert labelled.Data.read(path).rows == {"So good": "pos", "bad": "neg"}


def test_a_given_test_is_kept_out_of_what_is_learnt(labelled: ModuleType, tmp_path: Path) -> None:
    test = table(tmp_path / "test.csv", "TEXT number 7,pos", "text number 3,neg", "new,pos")
    data = labelled.Data.read(table(tmp_path / "train.csv", *MANY), test)
    split = data.split(0, 10_000)
    assert len(split.train) == 198
    assert list(split.test) == ["TEXT number 7", "text number 3", "new"]
    assert not {"text number 7", "text number 3"} & split.train.keys()
    assert data.split(1, 50).test == split.test


def test_a_text_that_is_tested_on_is_never_pretrained_on(
    labelled: ModuleType, tmp_path: Path
) -> None:
    text = tmp_path / "more.txt"
    text.write_text("One line.\n\nText  NUMBER 7\nAnother.\nA third.\n")
    test = {"text number 7": "pos"}
    assert labelled.pretraining_texts(text, test, 10) == ["One line.", "Another.", "A third."]
    assert labelled.pretraining_texts(text, test, 2) == ["One line.", "Another."]
    text.write_text("text number 7\n")
    with pytest.raises(DataError, match=r"no line that is not tested on; give another --text"):
        labelled.pretraining_texts(text, test, 10)
    with pytest.raises(TextError, match="a file with a sentence on each line"):
        labelled.pretraining_texts(tmp_path / "none", test, 10)
    text.write_bytes(b"caf\xe9\n")
    with pytest.raises(TextError, match=r"must be UTF-8, .* at byte 3; convert it first"):
        labelled.pretraining_texts(text, test, 10)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["good,1", "bad,0"], "text,stars", r"must hold the label, .*'stars'.*--label-column"),
        (["good,1", "bad,0"], "words,label", r"must hold the text, .*'words'.*--text-column"),
        (
            ["good,pos", "better,pos"],
            "text,label",
            r"two labels or more.*has 1: \['pos'\]; add rows",
        ),
        ([], "text,label", "must have rows, but .* has none"),
        (
            ["good,pos", "bad,"],
            "text,label",
            r"a\.csv:3: .*label.* it is empty; give the row a label",
        ),
    ],
)
def test_a_table_that_cannot_serve_is_refused_with_the_remedy(
    labelled: ModuleType, tmp_path: Path, rows: list[str], header: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        labelled.Data.read(table(tmp_path / "a.csv", *rows, header=header))


def test_other_names_of_columns_may_be_told(labelled: ModuleType, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "good,1", "bad,0", header="words,stars")
    assert labelled.Data.read(path, None, "words", "stars").rows == {"good": "1", "bad": "0"}


def test_labels_that_are_not_learnt_cannot_be_tested(labelled: ModuleType, tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", "good,pos", "bad,neg")
    test = table(tmp_path / "test.csv", "so so,none")
    with pytest.raises(DataError, match=r"\['neg', 'pos'\], but test.csv also has \['none'\]"):
        labelled.Data.read(train, test)


def test_a_seed_that_would_learn_from_one_label_is_refused(
    labelled: ModuleType, tmp_path: Path
) -> None:
    rows = [*(f"good {n},pos" for n in range(40)), "bad,neg"]
    data = labelled.Data.read(table(tmp_path / "a.csv", *rows))
    with pytest.raises(DataError, match=r"seed 0, the 1 rows to learn from\) has 1"):
        data.split(0, 1)


def test_the_published_snippets_are_read_as_they_lie(
    labelled: ModuleType, shared_data: Path, tmp_path: Path
) -> None:
    data = labelled.Data.read(shared_data / "sentence_polarity")
    assert sorted(set(data.rows.values())) == ["neg", "pos"]
    split = data.split(0, 10_000)
    assert len(split.train) == 10_000
    assert 600 < len(split.test) < 700
    with pytest.raises(DataError, match=r"must hold rt-polarity.pos and .*; name the folder"):
        labelled.Data.read(tmp_path)


def test_without_a_network_sst2_says_how_to_get_it(labelled: ModuleType) -> None:
    """The tests run with the Hub switched off."""
    with pytest.raises(
        DataError, match=r"cannot be reached.*hf download --repo-type dataset .*--data"
    ):
        labelled.sst2()


def test_sst2_is_read_from_the_hubs_cache(
    labelled: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra data")
    import pyarrow

    (tmp_path / "data").mkdir()
    parts = {
        "train": (["a fine film", "dull", "well made"], [1, 0, 1]),
        "validation": (["well made", "not so fine"], [1, 0]),
    }
    for part, (texts, labels) in parts.items():
        rows = pyarrow.table({"idx": list(range(len(texts))), "sentence": texts, "label": labels})
        parquet.write_table(rows, tmp_path / "data" / f"{part}-00000-of-00001.parquet")
    asked: list[object] = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda *what, **how: asked.append((what, how)) or str(tmp_path),
    )
    data = labelled.sst2()
    assert data.name == "SST-2"
    assert data.rows == {"a fine film": "1", "dull": "0"}
    assert data.test == {"well made": "1", "not so fine": "0"}
    assert asked[0][0] == ("stanfordnlp/sst2",)  # type: ignore[index]
    (tmp_path / "data" / "validation-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="only in part"):
        labelled.sst2()
