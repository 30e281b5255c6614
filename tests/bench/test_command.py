"""`benchmark` refuses what it could not measure to the end, before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.bench import command
from unmask.bench.prepare_training import most_rounds
from unmask.bench.registry import MEASURES
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
