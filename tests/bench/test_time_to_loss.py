"""Time to loss: budgets are counted in steps, every run is made once, and the report says so."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.bench import runner
from unmask.bench.arm import ArmSpec, Measured
from unmask.bench.process import resolve
from unmask.bench.results import Results
from unmask.bench.time_to_loss import arms, comparison, trials
from unmask.bench.time_to_loss.__main__ import go
from unmask.bench.time_to_loss.comparison import Comparison
from unmask.bench.time_to_loss.contenders import OWN, PEER, Contender
from unmask.bench.time_to_loss.pace import origin_here
from unmask.bench.time_to_loss.report import of_the_time, results
from unmask.bench.time_to_loss.trials import tuned
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import ConfigError

PEERS = all(importlib.util.find_spec(name) for name in ("transformers", "accelerate"))
needs_trainer = pytest.mark.skipif(not PEERS, reason="Trainer needs transformers and accelerate")
ORIGIN = {"threads": 1, "torch": "2"}
LOOP = "tests.bench.fakes:loop"
TOKENS = ("tokens_per_step", (2000, 1000))
RATES = ("lr", (1.0, 3.0))
FREE = frozenset({"lr"})
THEIRS = Contender("theirs", LOOP, (TOKENS, RATES), FREE, 1 / 5, (1.0,), {"base": 5.0})
OURS = Contender("ours", LOOP, (TOKENS, RATES), FREE, 1 / 10, (1 / 5, 1 / 10), {"base": 4.95})


class InProcess:
    """An arm in this process, which is faster."""

    def __init__(self, spec: ArmSpec, common: Mapping[str, Any], *_: Any) -> None:
        self.arm = resolve(spec.make)(**{**common, **spec.options})

    def run(self, *, show: bool = False) -> Measured:
        found: Measured = self.arm.run()
        return found

    def close(self) -> None:
        pass


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """Two minutes for the peer, two seeds."""
    for module in (runner, trials):
        monkeypatch.setattr(module, "ArmProcess", InProcess)
    monkeypatch.setattr(comparison, "run", partial(runner.run, pause=0.0))
    common = {"diary": str(tmp_path / "diary")}
    return Comparison(tmp_path, common, THEIRS, OURS, 2.0, (0, 1), 2, 1, lambda words: None, ORIGIN)


def ran(comparison: Comparison) -> list[str]:
    """What was run so far, in order."""
    return (comparison.work / "diary").read_text("utf-8").splitlines()


def test_axes_are_tuned_one_after_the_other() -> None:
    tried = []

    def loss(chosen: dict[str, Any]) -> float:
        tried.append((chosen["a"], chosen["b"]))
        return abs(chosen["a"] - 2) + abs(chosen["b"] - 5)

    assert tuned((("a", (1, 2, 3)), ("b", (4, 5))), loss) == {"a": 2, "b": 5}
    assert tried == [(1, 4), (2, 4), (3, 4), (2, 4), (2, 5)]


def test_budgets_are_steps_of_the_measured_time(compared: Comparison) -> None:
    go(compared, "train")
    # 120 s at a second for a step of 1,000 tokens; a fifth and a tenth of it for ours.
    assert ran(compared)[-6:] == [
        *("1000 3.0 120 0", "1000 3.0 24 0", "1000 3.0 12 0"),
        *("1000 3.0 120 1", "1000 3.0 24 1", "1000 3.0 12 1"),
    ]


def test_tuning_has_its_share_of_the_time(compared: Comparison) -> None:
    assert compared.tune(THEIRS) == {"tokens_per_step": 1000, "lr": 3.0}
    tried = ran(compared)[-3:]
    assert tried == ["2000 1.0 12 1000", "1000 1.0 24 1000", "1000 3.0 24 1000"]


def test_what_is_done_is_not_done_again(compared: Comparison) -> None:
    go(compared, "train")
    before = ran(compared)
    go(compared, "train")
    assert ran(compared) == before
    go(replace(compared, seeds=(0, 1, 2)), "train")
    assert ran(compared)[len(before) :] == ["1000 3.0 120 2", "1000 3.0 24 2", "1000 3.0 12 2"]


def test_it_goes_on_behind_the_last_run(compared: Comparison) -> None:
    go(compared, "train")
    last = max((compared.work / "trials").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    before = ran(compared)
    last.unlink()
    go(compared, "train")
    assert ran(compared) == [*before, before[-1]]


def test_report_holds_each_mean_against_the_peers(compared: Comparison) -> None:
    go(compared, "train")
    fifth, tenth = results(compared).verdicts
    # Theirs: 4.88 and 4.98. Ours: 4.926 and 5.026 in a fifth.
    assert (fifth.value, fifth.first) == (pytest.approx(4.976), pytest.approx(4.93))
    assert fifth.reached == "no"
    assert fifth.note == "2 seeds against 2 of 2, above it: seed 1"
    better = replace(compared, own=replace(OURS, fixed={"base": 4.0}))
    go(better, "train")
    fifth, tenth = results(better).verdicts
    assert (fifth.reached, tenth.reached) == ("first", "first")
    assert tenth.note == "2 seeds against 2 of 2, each at or below"


def test_report_tells_what_is_there(compared: Comparison) -> None:
    go(replace(compared, seeds=(1,)), "train")
    whole = replace(compared, seeds=(1, 2))
    fifth = results(whole).verdicts[0]
    assert fifth.note.startswith("1 seeds against 1 of 2")
    go(whole, "report")
    stored = Results.load(compared.work / "results.json")
    assert [row.name for row in stored.tables[1].rows] == [
        "theirs, all of the time, seed 1",
        "ours, 1/5 of the time, seed 1",
        "ours, 1/10 of the time, seed 1",
    ]
    assert [row.facts["minutes"] for row in stored.tables[1].rows] == [[2.0], [0.4], [0.2]]


def test_new_step_times_change_what_is_told_and_no_budget(compared: Comparison) -> None:
    go(compared, "train")
    before = ran(compared)
    go(compared, "pace-again")
    path = compared.work / "pace-again.json"
    again = ran(compared)
    assert len(again) > len(before)
    said = read_json(path)
    for row in said["table"]["rows"]:
        if row["name"].startswith("theirs"):  # a step takes them twice as long
            row["facts"]["seconds_per_step"] = [4.0, 4.0] if "2000" in row["name"] else [2.0, 2.0]
    write_json(path, said)
    go(compared, "train")
    assert ran(compared) == again
    told = Results.load(compared.work / "results.json")
    assert [row.facts["minutes"] for row in told.tables[1].rows[:3]] == [[4.0], [0.4], [0.2]]
    assert told.tables[1].rows[1].name == "ours, 1/10 of the time, seed 0"
    assert [one.what.partition(" in ")[2] for one in told.verdicts] == [
        *("1/10 of the time", "5.0% of the time"),
    ]


def test_figures_made_with_something_else_are_refused(compared: Comparison) -> None:
    go(compared, "train")
    other = replace(compared, origin={"threads": 2, "torch": "2"})
    for stage in ("pace", "pace-again", "tune", "train"):
        with pytest.raises(ConfigError, match=r"pace\.json was made with threads 1 instead of 2"):
            go(other, stage)
    (compared.work / "pace.json").unlink()
    with pytest.raises(ConfigError, match=r"trials.*threads 1 instead of 2; name another --work"):
        go(other, "train")


def test_what_an_older_version_left_is_refused(compared: Comparison) -> None:
    (compared.work / "pace.json").write_text('{"measure": "pace", "rows": []}', "utf-8")
    with pytest.raises(ConfigError, match="does not say what it was made with"):
        go(compared, "report")


def test_report_runs_nothing(compared: Comparison) -> None:
    with pytest.raises(ConfigError, match="stage pace before"):
        go(compared, "report")
    go(compared, "pace")
    compared.tune(OURS)
    paced = ran(compared)
    # Whatever is installed now: the report tells of what was installed then.
    go(replace(compared, origin={"threads": 2, "torch": "3"}), "report")
    told = Results.load(compared.work / "results.json")
    assert told.tables[1].rows == []
    assert {one.reached for one in told.verdicts} == {"not measured"}
    assert ran(compared) == paced


def test_origin_has_threads_and_versions() -> None:
    found = origin_here(3)
    assert found["threads"] == 3
    assert {"processor", "unmask", "commit", "torch", "transformers"} <= set(found)


def test_shares_are_told_in_words() -> None:
    assert [of_the_time(share) for share in (1.0, 1 / 5, 0.0996, 0.213)] == [
        *("all of the time", "1/5 of the time", "1/10 of the time", "21.3% of the time"),
    ]


def test_passages_join_neighbours_and_end_at_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("one\ntwo  two\n\nthree\n" + "x" * 30 + "\nfour\n", "utf-8")
    assert list(arms.passages(path, 12)) == ["one two two", "three", "x" * 30, "four"]


WORDS = ["the", "cat", "dog", "sat", "ran", "on", "under", "a", "mat", "tree", "while", "birds"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options of the arms: a model of one layer, some hundred sequences."""
    folder = tmp_path_factory.mktemp("time-to-loss")
    draws = np.random.default_rng(0)
    for name, count in (("text.txt", 900), ("other.txt", 60)):
        lines = (f"{n} " + " ".join(draws.choice(WORDS, 100)) for n in range(count))
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return arms.prepare(folder / "work", folder / "text.txt", folder / "other.txt", "1x64")


def test_a_folder_is_of_one_text(made: dict[str, Any]) -> None:
    work = Path(made["work"])
    text, other = work.parent / "text.txt", work.parent / "other.txt"
    assert arms.prepare(work, text, other, "1x64") == made
    with pytest.raises(ConfigError, match="another --work"):
        arms.prepare(work, other, other, "1x64")


def test_own_loop_learns_with_its_settings(made: dict[str, Any]) -> None:
    settings = {"budget.tokens_per_step": 256, "optim.lr": 0.01, "model.arch": "bert"}
    short = arms.own(**made, settings=settings, steps=2).run()
    long = arms.own(**made, settings=settings, steps=20).run()
    assert long.facts["step"] == 20
    assert long.facts["held_out_loss"] < short.facts["held_out_loss"] - 0.3
    assert long.work <= 20 * 256


def test_timing_reads_no_held_out_text(made: dict[str, Any]) -> None:
    settings = {"budget.tokens_per_step": 256}
    arm = arms.own(**made, settings=settings, steps=9, at_once=3)
    runs = [arm.run().facts for _ in range(3)]
    assert [one["step"] for one in runs] == [3, 6, 9]
    assert "held_out_loss" not in runs[-1]


@needs_trainer
def test_peer_learns_the_same_sequences(made: dict[str, Any]) -> None:
    settings = {"lr": 3e-3, "tokens_per_step": 256, "mask_rate": 0.15}
    short = arms.peer(**made, settings=settings, steps=2).run()
    long = arms.peer(**made, settings=settings, steps=20).run()
    assert long.facts["step"] == 20
    assert long.facts["held_out_loss"] < short.facts["held_out_loss"] - 0.3
    assert long.work == pytest.approx(20 * 256, rel=0.1)


def test_contenders_name_arms() -> None:
    for contender in (PEER, OWN):
        assert callable(resolve(contender.make))
        assert len({spec.name for spec in contender.paces()}) == len(contender.paces())
        assert contender.free < {name for name, _ in contender.axes}
