"""`benchmark` refuses what it could not measure to the end, before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unmask.bench import command, runner
from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Measure
from unmask.bench.prepare_training import most_rounds
from unmask.bench.registry import MEASURES
from unmask.bench.results import Results
from unmask.bench.runner import Table
from unmask.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "most"),
    [("pretrain", 49), ("pretrain-grouped", 24), ("finetune", 14), ("finetune-epoch", None)],
)
def test_loops_have_steps_for_so_many_rounds(name: str, most: int | None) -> None:
    assert most_rounds(MEASURES[name]) == most


def test_other_measures_have_any_number_of_rounds() -> None:
    assert most_rounds(MEASURES["embed"]) is None


def test_more_rounds_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="finetune must have at most 14 rounds, not 15"):
        command.benchmark(["embed", "finetune"], out=tmp_path / "out", rounds=15)
    with pytest.raises(ConfigError, match="at least 1, not 0"):
        command.benchmark(["finetune"], out=tmp_path / "out", rounds=0)
    assert list(tmp_path.iterdir()) == []


FAKE = Measure(
    "fake",
    "nothing",
    "tokens",
    (ArmSpec("astray", "tests.bench.fakes:astray", {"name": "astray"}),),
    prepare="tests.bench.fakes:prepare",
)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measures `fake` and `fails`, on a processor of known speed."""
    fails = Measure("fails", "nothing", "tokens", ())
    made = {"fake": FAKE, "fails": fails}

    def run(measure: Measure, *rest: Any) -> Table:
        if measure is fails:
            raise KeyboardInterrupt
        return runner.run(measure, *rest, pause=0.0)

    monkeypatch.setattr(command, "chosen", lambda names: [made[name] for name in names])
    monkeypatch.setattr(command, "peaks", lambda: {"fp32": 1e9})
    monkeypatch.setattr(command, "run", run)


@pytest.mark.usefixtures("quickly")
def test_a_loss_that_is_no_number_is_written_as_a_row(tmp_path: Path) -> None:
    command.benchmark(["fake"], out=tmp_path / "out", rounds=2)
    stored = Results.load(tmp_path / "out" / "results.json")
    assert stored.tables[0].rows[0].missing == "round 2 gave loss nan"
    assert "round 2 gave loss nan" in (tmp_path / "out" / "results.md").read_text("utf-8")


@pytest.mark.usefixtures("quickly")
def test_what_is_done_is_kept_when_a_later_measure_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        command.benchmark(["fake", "fails"], out=tmp_path / "out", rounds=1)
    assert [one.measure for one in Results.load(tmp_path / "out" / "results.json").tables] == [
        "fake"
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("results.json", "results.md", "work"),
    ]


@pytest.mark.usefixtures("quickly")
def test_results_that_are_there_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("of a day ago", "utf-8")
    with pytest.raises(
        ConfigError, match=r"results\.json is there; name another folder with --out"
    ):
        command.benchmark(["fake"], out=tmp_path)
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["of a day ago"]
