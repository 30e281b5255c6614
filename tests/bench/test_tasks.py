"""Tasks beside peers: files, scores, intervals, runs that are made once, and the page."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.bench.arm import ArmSpec, Measured
from unmask.bench.process import NotMeasured, resolve
from unmask.bench.tasks import runs as runs_module
from unmask.bench.tasks.answer import agreed, questions
from unmask.bench.tasks.compare import by_seed, difference, figure
from unmask.bench.tasks.page import main as write_page
from unmask.bench.tasks.page import page
from unmask.bench.tasks.registry import TASKS, chosen
from unmask.bench.tasks.report import load, results, save
from unmask.bench.tasks.rows import drawn, parted, read_rows, right, write_rows
from unmask.bench.tasks.runs import Runs
from unmask.bench.tasks.tag import read_sentences, spans_right
from unmask.bench.tasks.task import Asked, Contestant, Files, Given, TaskRow
from unmask.checkpoint.jsonfile import write_json
from unmask.errors import ConfigError, DataError
from unmask.evaluation.answering import AnswerFigures
from unmask.evaluation.tagging import TaggingFigures
from unmask.text.questions import read_questions
from unmask.text.tagged import read_tagged

PEERS = all(importlib.util.find_spec(name) for name in ("transformers", "accelerate"))
ROWS = [(f"text {n}, {'ab'[n % 2]}", "ab"[n % 2]) for n in range(20)]


def guess(given: Given) -> Measured:
    """Says the truth of so many test rows, and of a seed one less."""
    truth = [row[-1] for row in read_rows(given.file("test"))]
    wrong = int(given.more["wrong"]) + given.seed
    said = ["?"] * wrong + truth[wrong:]
    with Path(given.more["diary"]).open("a") as file:
        file.write(f"{wrong} {given.seed} {given.epochs}\n")
    return given.told(2.0 * given.more["slow"], given.more["slow"], said)


def where(given: Given) -> Measured:
    """Tells the device that it is to run on."""
    with Path(given.more["diary"]).open("a") as file:
        file.write(given.device)
    return guess(replace(given, more={**given.more, "diary": os.devnull}))


def fail(given: Given) -> Measured:
    raise AssertionError("never measured")


class InProcess:
    """An arm in this process, which is faster."""

    def __init__(self, spec: ArmSpec, common: Mapping[str, Any], *_: Any) -> None:
        self.arm = resolve(spec.make)(**spec.options)

    def run(self) -> Measured:
        try:
            found: Measured = self.arm.run()
        except AssertionError as error:
            raise NotMeasured(str(error)) from None
        return found

    def close(self) -> None:
        pass


def prepare(files: Files) -> None:
    write_rows(files.folder / "test.csv", ROWS)


def task_of(tmp_path: Path, *wrong: int, slow: Sequence[float] = (1.0, 4.0, 1.0)) -> TaskRow:
    arms = [
        Contestant(
            f"arm {place}",
            "tests.bench.test_tasks:guess",
            3,
            {"wrong": one, "diary": str(tmp_path / "diary"), "slow": slow[place]},
        )
        for place, one in enumerate(wrong)
    ]
    asked = Asked(0.15, by="interval", faster=3.0, least=0.8, above="arm 2")
    return TaskRow("guessing", "guesses", "accuracy", prepare, right, tuple(arms), asked)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setattr(runs_module, "ArmProcess", InProcess)
    origin = {"threads": 1, "torch": "2"}
    work, store = tmp_path / "work", tmp_path / "out" / "runs"
    return Runs(tmp_path, work, store, "model", 1, False, origin, lambda words: None)


def test_parts_have_the_same_share_of_each_label() -> None:
    rows = [(str(n), "abc"[n % 3 if n < 90 else 0]) for n in range(150)]
    parts = parted(rows, (0.8, 0.1))
    assert sorted(row for part in parts for row in part) == sorted(rows)
    assert [Counter(row[-1] for row in part)["b"] for part in parts] == [24, 3, 3]
    assert parted(rows, (0.8, 0.1)) == parts
    assert parted(rows, (0.8, 0.1), seed=1) != parts


def test_rows_are_drawn_by_seed_and_apart() -> None:
    some, more = drawn(ROWS, 3, 2, seed=0)
    assert Counter(row[-1] for row in some) == {"a": 3, "b": 3}
    assert Counter(row[-1] for row in more) == {"a": 2, "b": 2}
    assert not set(some) & set(more)
    assert drawn(ROWS, 3, 2, seed=1)[0] != some


def test_spans_are_counted_as_everywhere_else(tmp_path: Path) -> None:
    sentences = ["B-x I-x O B-y", "O B-x O", "B-y B-y"]
    said = ["B-x O O B-y", "O B-x B-x", "B-y I-y"]
    lines = "\n\n".join("\n".join(f"w\t{tag}" for tag in one.split()) for one in sentences)
    (tmp_path / "test.conll").write_text(f"{lines}\n \t\n")
    assert len(read_sentences(tmp_path / "test.conll")) == 3
    scores = spans_right(tmp_path, said)
    scheme = read_tagged(tmp_path / "test.conll").scheme
    theirs = TaggingFigures.of(
        [one.split() for one in sentences], [one.split() for one in said], scheme, resamples=1
    )
    assert by_seed(scores[None]) == [pytest.approx(theirs.f1)]
    with pytest.raises(DataError, match="each of 3 test rows needs a prediction"):
        spans_right(tmp_path, said[:2])


def test_questions_are_split_by_article_and_scored_as_everywhere_else(tmp_path: Path) -> None:
    text = "The cat sat on the mat."
    articles = [
        {
            "title": f"article {n}",
            "paragraphs": [
                {
                    "context": text,
                    "qas": [
                        {
                            "id": f"{n}-{k}",
                            "question": f"Who {k}?",
                            "answers": [{"text": "The cat", "answer_start": 0}],
                        }
                        for k in range(60)
                    ],
                }
            ],
        }
        for n in range(4)
    ]
    (tmp_path / "squad").mkdir()
    name = "dev-v1.1.reconstructed.json"
    write_json(tmp_path / "squad" / name, {"version": "1.1", "data": articles})
    folder = tmp_path / "task"
    questions("1.1", 3)(Files(tmp_path, folder, (0,), quick=True))
    parts = {kind: read_questions(folder / f"{kind}.json") for kind in ("train", "dev", "test")}
    assert {kind: len(part) for kind, part in parts.items()} == {"train": 48, "dev": 24, "test": 48}
    assert {row.article for row in parts["test"].rows} == {"article 3"}
    names = [{row.name for row in part.rows} for part in parts.values()]
    assert not names[0] & names[1]
    said = ["a cat" if n % 2 else "the mat" for n in range(48)]
    theirs = AnswerFigures.of(said, [["The cat"]] * 48, resamples=1)
    assert by_seed(agreed(folder, said)[None]) == [pytest.approx(theirs.f1)]


def scores(*rights: Sequence[int]) -> np.ndarray[Any, Any]:
    hits = np.array(rights, np.float64)
    return np.stack((hits, np.ones_like(hits)), axis=2)


def test_a_difference_is_paired() -> None:
    dice = np.random.default_rng(0)
    first = dice.random((3, 400)) < 0.8
    same = difference(scores(*first), scores(*first))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    second = first.copy()
    second[:, ::20] = False  # worse where the first was right in every twentieth row
    found = difference(scores(*first), scores(*second))
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert 0 < found.low < found.value < found.high
    assert found.high - found.low < 0.06
    alone = figure(scores(*first))
    assert alone.high - alone.low > 0.04  # what is hard for both widens each by itself
    with pytest.raises(DataError, match="the same seeds and rows"):
        difference(scores(*first), scores(*second[:2]))


def test_seeds_that_differ_widen_the_interval() -> None:
    rows = np.arange(400)
    alike, apart = [rows < 300] * 3, [rows < 200, rows < 300, rows < 400]
    assert figure(scores(*alike)).value == figure(scores(*apart)).value == 0.75
    one, other = (found.high - found.low for found in map(figure, (scores(*alike), scores(*apart))))
    assert other > 2 * one


def test_a_figure_may_be_a_ratio_of_sums() -> None:
    counts = np.array([[[2, 3], [0, 1], [4, 4]]], np.float64)
    assert figure(counts).value == pytest.approx(6 / 8)
    assert figure(np.zeros((1, 3, 2))).value == 0.0


def test_runs_take_turns_and_are_made_once(stored: Runs, tmp_path: Path) -> None:
    task = task_of(tmp_path, 1, 2, 6)
    (row,) = results(stored, [task], run=True)
    diary = (tmp_path / "diary").read_text().splitlines()
    assert diary == [f"{wrong + seed} {seed} 3" for seed in range(3) for wrong in (1, 2, 6)]
    assert results(stored, [task], run=True) == results(stored, [task], run=False) == [row]
    assert (tmp_path / "diary").read_text().splitlines() == diary
    last = sorted(stored.store.glob("*.json"))[-1]
    last.unlink()
    results(stored, [task], run=True)
    assert len((tmp_path / "diary").read_text().splitlines()) == len(diary) + 1
    assert not list(stored.work.glob("models/*"))


def test_a_row_tells_figures_times_and_what_was_reached(stored: Runs, tmp_path: Path) -> None:
    (row,) = results(stored, [task_of(tmp_path, 1, 2, 6)], run=True)
    ours, theirs, _ = row.arms
    assert ours.values == pytest.approx([0.95, 0.9, 0.85])
    assert theirs.mean.value == pytest.approx(0.85)
    assert row.difference is not None
    assert row.difference.value == pytest.approx(0.05)
    assert row.ratios == [4.0] * 3
    assert ours.training == [1.0] * 3
    assert ours.seconds == [2.0] * 3
    assert [(one.what, one.reached) for one in row.verdicts] == [
        ("accuracy not more than 0.15 lower (lower end of the interval)", True),
        ("trains 3 times as fast", True),
        ("accuracy of 0.800", True),
        ("interval above the arm 2's 0.650", True),
    ]
    slow = replace(task_of(tmp_path, 9, 2, 6, slow=(4.0, 1.0, 1.0)), name="slow")
    (row,) = results(stored, [slow], run=True)
    assert [one.reached for one in row.verdicts] == [False] * 4


def test_runs_beside_other_work_tell_no_times(stored: Runs, tmp_path: Path) -> None:
    task = task_of(tmp_path, 1, 2, 6)
    (row,) = results(replace(stored, shared=True), [task], run=True)
    assert row.shared
    assert row.ratios == []
    assert "trains 3 times as fast" not in [one.what for one in row.verdicts]
    text = page([saved(tmp_path, [row])])
    assert ") | - | reached |" in text
    assert "0.950, 0.900, 0.850 | - | - |" in text


def test_some_seeds_are_run_alone_and_stand_beside_the_others(stored: Runs, tmp_path: Path) -> None:
    task = task_of(tmp_path, 1, 2)
    (row,) = results(replace(stored, seeds=frozenset({2})), [task], run=True)
    assert row.arms[0].seeds == [2]
    results(replace(stored, seeds=frozenset({0})), [task], run=True)
    (row,) = results(stored, [task], run=False)
    assert row.arms[0].seeds == [0, 2]


def test_an_arm_is_told_its_device(stored: Runs, tmp_path: Path) -> None:
    task = task_of(tmp_path, 1)
    told = replace(task.arms[0], run="tests.bench.test_tasks:where")
    results(replace(stored, device="cuda:1"), [replace(task, arms=(told,))], run=True)
    assert (tmp_path / "diary").read_text() == "cuda:1" * 3


def test_a_gpu_has_the_rows_that_no_cpu_has(stored: Runs, tmp_path: Path) -> None:
    rows = results(stored, [task_of(tmp_path, 1, 2, 6)], run=True)
    said, found = saved(tmp_path, rows)
    there = {**said, "hardware": {**said["hardware"], "gpu": "a GPU"}}
    other = [replace(row, name="others", what="other guesses") for row in found]
    text = page([(there, [*found, *other]), (said, found)])
    assert text.index("| guesses | CPU |") < text.index("| other guesses | GPU |")
    assert "| guesses | GPU |" not in text
    assert ": a GPU, beside " in text
    assert ": a GPU, beside " not in page([(there, found), (said, found)])


def test_an_arm_that_fails_leaves_the_others(stored: Runs, tmp_path: Path) -> None:
    task, said = task_of(tmp_path, 1, 2), list[str]()
    broken = replace(task.arms[1], run="tests.bench.test_tasks:fail")
    (row,) = results(
        replace(stored, say=said.append), [replace(task, arms=(task.arms[0], broken))], run=True
    )
    assert [one.name for one in row.arms] == ["arm 0"]
    assert row.difference is None
    assert sum("not measured, never measured" in words for words in said) == 3
    assert "not measured" not in page([saved(tmp_path, [row])])
    ours = replace(task, name="ours fails", arms=(broken, task.arms[0]))
    assert results(stored, [ours], run=True) == []  # rather than the peer in its place


def test_what_was_made_otherwise_is_refused(stored: Runs, tmp_path: Path) -> None:
    task = task_of(tmp_path, 1)
    results(stored, [task], run=True)
    longer = replace(task, arms=(replace(task.arms[0], epochs=5),))
    with pytest.raises(ConfigError, match="name another --out, or remove it"):
        results(stored, [longer], run=True)
    with pytest.raises(ConfigError, match="quick=True"):
        results(replace(stored, quick=True), [task], run=True)
    with pytest.raises(ConfigError, match="torch 2 instead of 3"):
        results(replace(stored, origin={"torch": "3"}), [task], run=True)


def saved(tmp_path: Path, rows: Any) -> Any:
    save(tmp_path / "results.json", rows, 1)
    return load(tmp_path / "results.json")


def test_the_page_is_made_of_stored_results(stored: Runs, tmp_path: Path) -> None:
    rows = results(stored, [task_of(tmp_path, 1, 2, 6)], run=True)
    said, found = saved(tmp_path, rows)
    assert found == rows
    text = page([(said, found)])
    assert "| guesses | CPU | accuracy | 0.900 | 0.850 (arm 1) | +0.050 (" in text
    assert ") | 4.0 | reached |" in text
    assert "3 epochs" not in text
    assert "epochs 3" in text
    assert write_page([str(tmp_path / "results.json"), str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text() == text
    assert write_page([]) == 2
    write_json(tmp_path / "other.json", {"schema": 0})
    assert write_page([str(tmp_path / "other.json")]) == 2
    quick = [replace(row, quick=True) for row in rows]
    assert "a quick try, which says nothing" in page([(said, quick)])


def test_the_page_in_the_checkout_is_made_of_the_stored_results() -> None:
    root = Path(__file__).parents[2]
    stored = [load(path) for path in sorted((root / "benchmarks").glob("*/tasks.json"))]
    assert (root / "docs" / "results.md").read_text() == page(stored)


def test_tasks_have_names_and_their_functions_exist() -> None:
    assert [task.name for task in chosen(["wnut17", "banking77"])] == ["banking77", "wnut17"]
    with pytest.raises(ConfigError, match="there is no task 'bank'"):
        chosen(["bank"])
    for task in TASKS.values():
        for arm in task.arms:
            assert callable(resolve(arm.run))


@pytest.mark.parametrize("name", TASKS)
def test_real_files_are_written(name: str, shared_data: Path, tmp_path: Path) -> None:
    task, folder = TASKS[name], tmp_path / "task"
    task.prepare(Files(shared_data, folder, (0, 1), quick=True))
    given = Given(str(folder), "model", "out", "said", 1, 1, 1)
    read: Callable[[Path], Any] = {".csv": read_rows, ".conll": read_sentences}.get(
        given.file("test").suffix, lambda path: read_questions(path).rows
    )
    assert all(len(read(given.file(kind))) > 3 for kind in ("train", "dev", "test"))
