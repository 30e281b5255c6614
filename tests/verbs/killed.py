"""Runs that die between two steps, as a killed process does: nothing is saved on the way out."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from unmask.train.log import read_log
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings
from unmask.verbs.watch import Advance


class Killed(BaseException):
    """What takes the place of a signal that cannot be caught."""


class Killing:
    """Looks on, and dies when so many steps were done in this session."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        def advance(share: float, words: str) -> None:
            if title == "pretraining":
                self.left -= 1
                if not self.left:
                    raise Killed

        yield advance

    def say(self, words: str) -> None:
        pass


def text_file(folder: Path, documents: int = 300) -> str:
    """Documents of a made-up language, of 3 to 40 words."""
    dice = random.Random(1)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru") for b in ("n", "s", "ta", "ve")]
    lines = [" ".join(dice.choices(words, k=dice.randint(3, 40))) for _ in range(documents)]
    path = folder / "text.jsonl"
    path.write_text("".join(f'{{"text": "{line}"}}\n' for line in lines))
    return str(path)


SMALL: dict[str, Any] = {
    "model": {"size": "1x64", "context": 32},
    "tokenizer": {"vocab_size": 120},
    "budget": {"tokens_per_step": 256},
    "run": {"save_every": 5, "eval_every": 0, "threads": 1, "seed": 3},
}


def settings(text: str, /, **rooms: dict[str, Any]) -> Any:
    """Those of a small run, with what a test gives for some rooms."""
    merged = {room: {**SMALL.get(room, {}), **rooms.get(room, {})} for room in {**SMALL, **rooms}}
    return pretrain_settings(merged, text=text)


def finished(out: Path, given: Any, kills: tuple[int, ...] = ()) -> PretrainResult:
    """A run, killed after so many steps of each of its first sessions."""
    for steps in kills:
        with pytest.raises(Killed):
            pretrain(out=out, settings=given, watch=Killing(steps))
    return pretrain(out=out, settings=given)


def digest(out: Path, below: str = "model") -> dict[str, str]:
    """Digests of all weights of a finished run."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / below).rglob("*.safetensors"))
    }


def told(out: Path) -> list[dict[str, Any]]:
    """The log without what it took."""
    records = read_log(out / "log.jsonl")
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]
