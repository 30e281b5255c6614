"""A user's file, whatever the task: what its rows ask and say, and which would be held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sentences
from tests.verbs.labelled import write_csv, write_table
from tests.verbs.test_finetune_answer import squad
from tests.verbs.test_finetune_tag import sentences as tagged
from tests.verbs.test_finetune_tag import write as write_tagged
from unmask.errors import DataError
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.material import read_material, read_plain
from unmask.verbs.tasks.labelled_data import Split
from unmask.verbs.tasks.question_data import QuestionSplit
from unmask.verbs.tasks.tagged_data import TaggedSplit

PLAIN = TuneData()


def test_one_label_a_row_and_what_finetune_holds_out(tmp_path: Path) -> None:
    path = write_table(tmp_path / "train.csv")
    data = read_material(path, "classify", PLAIN)
    split = Split.read(path, None, PLAIN, 3)
    assert data.says == "label"
    assert not data.pairs
    assert data.names == split.labels
    assert data.columns == {"text_column": "text", "label_column": "label"}
    held = [data.asked[row] for row in data.held_out(0.1, 3)]
    assert held == list(split.dev.asked)


def test_a_label_that_no_row_is_held_out_of_is_told(tmp_path: Path) -> None:
    rows = [(f"text {n}", "ab"[n % 2]) for n in range(20)] + [("a single one", "rare")]
    path = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    split = Split.read(path, None, PLAIN, 3)
    assert "rare" not in split.dev.labels
    assert split.notes[-1] == "no row is held out of: rare, with no second text of their own"
    path = write_csv(tmp_path / "all.csv", rows[:20], ("text", "label"))
    assert split.notes[1].endswith("stratified by label")
    assert Split.read(path, None, PLAIN, 3).notes[-1].endswith("stratified by label")


def test_it_is_said_that_all_rows_of_a_text_are_held_out(tmp_path: Path) -> None:
    rows = [(f"text {n % 10}", "ab"[n % 2]) for n in range(60)]
    path = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    split = Split.read(path, None, PLAIN, 0)
    assert len(split.dev) == 12
    assert split.notes[1] == (
        "12 of 60 rows are held out, all those of 2 of the 10 different texts, stratified by label"
    )


def test_sets_numbers_and_pairs(tmp_path: Path) -> None:
    lines = [{"text": f"text {n}", "label": ["a", "b"][: n % 3]} for n in range(9)]
    path = tmp_path / "sets.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    data = read_material(path, "classify", PLAIN)
    assert data.says == "labels"
    assert data.labels[:3] == ((), ("a",), ("a", "b"))
    rows = [(f"text {n}", f"other {n}", n / 2) for n in range(40)]
    path = write_csv(tmp_path / "pairs.csv", list(rows), ("sentence1", "sentence2", "label"))
    numbers = read_material(
        path, "regress", TuneData(text_column="sentence1", pair_column="sentence2")
    )
    assert numbers.says == "numbers"
    assert numbers.pairs
    assert numbers.targets[3] == (1.5,)
    assert len(set(numbers.groups)) == 10
    pairs = read_material(path, "pair", PLAIN)
    assert pairs.asked[0] == ("text 0", "other 0")
    matched = read_material(path, "embed", PLAIN)
    assert matched.says == "nothing"
    assert matched.targets[1] == "0.5"


def test_tags_and_answers(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "train.conll", tagged(60))
    data = read_material(path, "tag", PLAIN)
    assert data.says == "tags"
    assert data.labels[0] == ("being", "thing")
    split = TaggedSplit.read(path, None, PLAIN, 1)
    held = [data.asked[row][0] for row in data.held_out(0.1, 1)]
    assert held == [" ".join(words) for words in split.dev.words]
    path = squad(tmp_path / "train.json", 12, none=3)
    asked = read_material(path, "answer", PLAIN)
    assert set(asked.names) == {"answer", "no answer"}
    known = QuestionSplit.read(path, None, PLAIN, 1)
    held_questions = [asked.asked[row] for row in asked.held_out(0.1, 1)]
    assert held_questions == [(row.text, row.context) for row in known.dev.rows]


def test_plain_texts(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\n\ntwo\n")
    assert read_plain(path, PLAIN).asked == (("one",), ("two",))
    table = write_table(tmp_path / "rows.csv", sentences()[:5])
    assert len(read_plain(table, PLAIN)) == 5
    path.write_text("\n")
    with pytest.raises(DataError, match=r"texts\.txt has none"):
        read_plain(path, PLAIN)


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("classify", {"text": "a {}", "label": "{}"}),
        ("classify", {"text": "a {}", "label": ["{}"]}),
        ("pair", {"premise": "a {}", "hypothesis": "b", "label": "{}"}),
        ("regress", {"text": "a {}", "label": 1.5}),
        ("tag", {"tokens": ["a", "{}"], "tags": ["O", "B-x"]}),
        ("tag", {"text": "a {}", "spans": [[0, 1, "x"]]}),
        ("answer", {"question": "a {}", "context": "b {}", "answer": "b"}),
        ("embed", {"query": "a {}", "positive": "b {}"}),
        ("rerank", {"query": "a {}", "positive": "b {}"}),
    ],
)
def test_bad_rows_that_are_left_out_are_named(tmp_path: Path, task: Any, row: Any) -> None:
    lines = [json.dumps(row).replace("{}", str(number)) for number in range(6)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([*lines[:2], "{broken", *lines[2:4], "7", *lines[4:]]) + "\n")
    data = read_material(path, task, TuneData(on_bad="skip", max_bad=0.5))
    assert len(data) == 6
    assert "2 bad places left out (--on-bad skip): " in data.told
    assert f"{path.name}:3 (not JSON" in data.told
    assert data.told.endswith(f"{path.name}:6")
