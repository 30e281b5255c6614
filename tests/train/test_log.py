"""The run's log: each step once, whatever happened in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.errors import CorruptText
from unmask.train.log import RunLog, read_log


def written(path: Path, *steps: int, after: int = 0) -> RunLog:
    log = RunLog(path, after)
    for step in steps:
        log.write("train", step, loss=step / 2)
    return log


def steps_in(path: Path) -> list[int]:
    return [record["step"] for record in read_log(path)]


def test_records_are_on_the_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = written(path, 1, 2)
    assert list(read_log(path)) == [
        {"kind": "train", "step": 1, "loss": 0.5},
        {"kind": "train", "step": 2, "loss": 1.0},
    ]
    log.close()


def test_resuming_cuts_back_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path, 1, 2, 3, 4, 5).close()
    written(path, 4, 5, 6, after=3).close()
    assert steps_in(path) == [1, 2, 3, 4, 5, 6]


def test_a_new_run_over_an_old_log_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path, 1, 2).close()
    written(path, 1, after=0).close()
    assert steps_in(path) == [1]


@pytest.mark.parametrize("tail", ['{"kind": "train", "st', '{"kind": "tra\xff'])
def test_a_line_cut_off_by_a_kill_is_done_again(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "log.jsonl"
    written(path, 1, 2).close()
    with path.open("ab") as file:
        file.write(tail.encode("latin-1"))
    assert steps_in(path) == [1, 2]
    written(path, 3, after=2).close()
    assert steps_in(path) == [1, 2, 3]


def test_a_corrupt_line_elsewhere_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path, 1, 2, 3).close()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + "{oops\n" + lines[2])
    with pytest.raises(CorruptText) as caught:
        list(read_log(path))
    assert (caught.value.line, caught.value.reason) == (2, "not a JSON object")


def test_lines_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written(path, 7).close()
    assert json.loads(path.read_text()) == {"kind": "train", "step": 7, "loss": 3.5}
