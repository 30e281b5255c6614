"""Every objective comes to the same bits when its run is killed between two steps."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.verbs.killed import digest, finished, settings, told

PAIRS = {"model": {"arch": "bert"}}
RUNS: dict[str, dict[str, Any]] = {
    "whole_word": {"mask": {"final_rate": 0.3}},
    "span": {"mask": {"final_rate": 0.3}, "span": {"most": 4}},
    "span without boundary": {"span": {"boundary": 0.0}},
    "elmo": {"model": {"arch": "elmo"}},
    "clm": {"model": {"arch": "decoder"}},
    "nsp": PAIRS,
    "sop": PAIRS,
    "rtd": {"model": {"arch": "electra"}, "rtd": {"share": "gdes"}},
}
"""By objective, what is set beside it. `mlm` and `hybrid` have tests of their own."""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Documents of several lines, of which pairs can be made."""
    dice = random.Random(1)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru") for b in ("n", "s", "ta", "ve")]
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    with path.open("w") as file:
        for _ in range(200):
            lines = (" ".join(dice.choices(words, k=dice.randint(2, 9))) for _ in range(4))
            file.write(json.dumps({"text": "\n".join(lines)}) + "\n")
    return str(path)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_killed_comes_to_the_same_model(name: str, text: str, tmp_path: Path) -> None:
    """In the middle of an epoch, with steps of two batches and dropout where there is any."""
    given = settings(
        text, objective={"name": name.split()[0]}, budget={"steps": 12, "accumulate": 2},
        **RUNS[name],
    )  # fmt: skip
    alone = finished(tmp_path / "alone", given)
    killed = finished(tmp_path / "killed", given, kills=(7, 4))
    assert killed.sessions > alone.sessions == 1
    for below in ("model", "generator"):
        assert digest(tmp_path / "alone", below) == digest(tmp_path / "killed", below)
    assert bool(digest(tmp_path / "alone"))
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert killed.held_out == alone.held_out
    assert killed.counts == alone.counts
