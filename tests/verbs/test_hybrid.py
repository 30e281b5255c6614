"""`--objective hybrid` from text to a model that fills blanks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verbs.killed import digest, finished, settings, text_file, told
from unmask.errors import ConfigError
from unmask.pipelines.fill import FillMask
from unmask.verbs.pretrain import pretrain


def test_a_run_that_is_killed_comes_to_the_same_model(tmp_path: Path) -> None:
    given = settings(
        text_file(tmp_path), objective={"name": "hybrid"}, budget={"steps": 12, "accumulate": 2},
        run={"eval_every": 6}, hybrid={"causal": 0.7, "final_causal": 0.3},
    )  # fmt: skip
    result = finished(tmp_path / "alone", given)
    finished(tmp_path / "killed", given, kills=(7, 4))
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert result.held_out.keys() == {"loss", "top1", "top5", "causal_loss"}
    assert result.counts["causal"] > 0
    assert result.counts["masked"] > 0
    assert len(FillMask.from_pretrained(result.model)("kan [MASK] rus", top_k=3)) == 3


def test_settings_of_the_other_objectives_are_refused(tmp_path: Path) -> None:
    text = text_file(tmp_path, 4)
    for rooms, rule in (
        ({"hybrid": {"causal": 0.2}}, "hybrid.causal=0.2 would do nothing.*--objective hybrid"),
        ({"hybrid": {"causal": 2.0}, "objective": {"name": "hybrid"}}, "between 0 and 1"),
        ({"model": {"arch": "decoder"}, "objective": {"name": "hybrid"}}, "give --objective clm"),
    ):
        with pytest.raises(ConfigError, match=rule):
            pretrain(out=tmp_path / "run", settings=settings(text, budget={"steps": 1}, **rooms))
