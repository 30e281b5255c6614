"""Settings of a pretraining run that are wrong, or would do nothing, are refused before it begins:
each refusal names the setting, its value, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verbs.killed import settings, text_file
from unmask.errors import ConfigError
from unmask.verbs.pretrain import pretrain

BERT = {"arch": "bert", "size": "1x64", "context": 32}


@pytest.mark.parametrize(
    ("rooms", "rule"),
    [
        (
            {"mask": {"static": True}, "ramp": {"context": [16, 32]}},
            r"mask.static=true .*ramp.context=\[16, 32\] cuts .*leave mask.static or ramp.context",
        ),
        (
            {"mask": {"static": True}, "objective": {"name": "nsp"}, "model": BERT},
            "mask.static=true .*objective nsp cuts its pairs anew .*leave mask.static out",
        ),
        (
            {"mask": {"static": True}, "objective": {"name": "sop"}, "model": BERT},
            "mask.static=true .*objective sop cuts its pairs anew .*leave mask.static out",
        ),
    ],
)
def test_a_setting_is_refused(rooms: dict[str, Any], rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rule):
        pretrain(
            out=tmp_path / "run",
            settings=settings(text_file(tmp_path, 4), **{"budget": {"steps": 1}, **rooms}),
        )
    assert not (tmp_path / "run").exists()
