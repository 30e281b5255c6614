"""`run.average`: the saved model is the mean, and its figures are those of the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verbs.killed import digest, finished, settings, text_file, told
from unmask.errors import ConfigError
from unmask.verbs.pretrain import pretrain


def test_a_killed_run_saves_the_same_mean(tmp_path: Path) -> None:
    text = text_file(tmp_path)
    mean = settings(text, budget={"steps": 12}, run={"average": 3, "average_every": 2})
    last = settings(text, budget={"steps": 12})
    result = finished(tmp_path / "alone", mean)
    finished(tmp_path / "killed", mean, kills=(9, 6))
    other = finished(tmp_path / "last", last)
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert digest(tmp_path / "alone") != digest(tmp_path / "last")
    records = {record["kind"]: record for record in told(tmp_path / "alone")}
    # All of the little held-out text is read by each evaluation.
    assert records["averaged"]["loss"] == pytest.approx(result.held_out["loss"], rel=1e-6)
    assert records["held_out"]["loss"] == pytest.approx(other.held_out["loss"], rel=1e-6)


def test_a_run_that_is_too_short_is_refused_before_any_work(tmp_path: Path) -> None:
    given = settings(
        text_file(tmp_path, 4), budget={"steps": 12}, run={"average": 4, "average_every": 5}
    )
    with pytest.raises(ConfigError, match="at least 16 steps, but this one has 12"):
        pretrain(out=tmp_path / "run", settings=given)
    assert not (tmp_path / "run").exists()
