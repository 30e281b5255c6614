"""Settings of a pretraining run that are wrong, or would do nothing, are refused before it begins:
each refusal names the setting, its value, and what to do."""

from __future__ import annotations

import math
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
        *(
            ({"mask": {"rate": rate}}, rf"mask\.rate, .*between 0 and 1, not be {rate}; .*=0\.15")
            for rate in (15.0, 0.0, 1.0)
        ),
        ({"mask": {"final_rate": 1.5}}, r"mask\.final_rate, .*not be 1\.5; the usual"),
        (
            {"mask": {"masked": 0.9, "random": 0.2}},
            r"mask\.masked and mask\.random .*0\.9 and 0\.2",
        ),
        (
            {"hybrid": {"causal": 2.0}, "objective": {"name": "hybrid"}},
            r"hybrid\.causal, .*not be 2\.0; give hybrid\.causal=0\.5",
        ),
        (
            {"hybrid": {"final_causal": -1.0}, "objective": {"name": "hybrid"}},
            r"hybrid\.final_causal, .*not be -1\.0; give",
        ),
        (
            {"pairs": {"negatives": 0.0}, "objective": {"name": "sop"}, "model": BERT},
            r"pairs\.negatives must lie between 0 and 1, not be 0\.0: .*leave it out for half",
        ),
        *(
            ({room: {key: value}}, rf"{room}\.{key} must be a finite number, not {value}; give one")
            for room, key, value in (
                ("mask", "rate", math.nan),
                ("mask", "masked", math.nan),
                ("mask", "random", math.nan),
                ("pairs", "weight", math.nan),
                ("pairs", "weight", math.inf),
                ("optim", "clip", math.nan),
            )
        ),
        ({"run": {"average_every": 4}}, r"average_every=4 would do nothing: .*give run\.average=5"),
        (
            {"pairs": {"language": "de"}, "objective": {"name": "nsp"}, "model": BERT},
            r"pairs\.language=de would do nothing: .*give pairs\.splitter=sentences, or leave",
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
