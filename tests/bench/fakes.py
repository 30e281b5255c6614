"""Arms that do nothing but write down that they ran."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from unmask.bench.arm import Measured
from unmask.bench.measure import Setting


class Fake:
    """Takes so many seconds, by its own account."""

    def __init__(self, name: str, diary: str, seconds: list[float], tilt: float) -> None:
        self.name, self.diary, self.seconds, self.tilt = name, Path(diary), seconds, tilt
        self.runs = 0

    def run(self) -> Measured:
        with self.diary.open("a", encoding="utf-8") as file:
            file.write(f"{self.name}\n")
        taken = self.seconds[self.runs % len(self.seconds)]
        self.runs += 1
        outputs = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
        outputs[0, 1] = self.tilt
        return Measured(taken, 100.0, outputs, {"runs": self.runs})


def make(name: str, diary: str, seconds: list[float], tilt: float = 0.0, **_: Any) -> Fake:
    return Fake(name, diary, seconds, tilt)


def missing(**_: Any) -> Fake:
    raise ModuleNotFoundError("No module named 'peer'")


class Leaving:
    """Has a child that holds the pipe "held" in its folder open, and fails or never ends.

    It writes its own number into the file "pid".
    """

    def __init__(self, folder: str, fails: bool) -> None:
        self.fails = fails
        (Path(folder) / "pid").write_text(str(os.getpid()), "utf-8")
        with (Path(folder) / "held").open("w") as pipe:
            child = "import time; print('+', end='', flush=True); time.sleep(60)"
            subprocess.Popen([sys.executable, "-c", child], stdout=pipe)

    def run(self) -> Measured:
        if self.fails:
            raise RuntimeError("the first run fails")
        while True:
            time.sleep(1.0)


def leaving(folder: str, fails: bool = False, **_: Any) -> Leaving:
    return Leaving(folder, fails)


class Looking:
    """Tells whether the process whose number is in the file "pid" of its folder is there."""

    def __init__(self, folder: str) -> None:
        self.number = int((Path(folder) / "pid").read_text("utf-8"))

    def run(self) -> Measured:
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return Measured(1.0, 1.0, None, {"there": 0.0})
        return Measured(1.0, 1.0, None, {"there": 1.0})


def looking(folder: str, **_: Any) -> Looking:
    return Looking(folder)


class Failing(Fake):
    def run(self) -> Measured:
        if self.runs:
            raise RuntimeError("the second run fails")
        return super().run()


def failing(name: str, diary: str, **_: Any) -> Failing:
    return Failing(name, diary, [1.0], 0.0)


class Astray(Fake):
    def run(self) -> Measured:
        measured = super().run()
        return replace(measured, facts={"loss": nan if self.runs > 2 else 1.0})


def astray(name: str, diary: str, **_: Any) -> Astray:
    return Astray(name, diary, [1.0], 0.0)


class Numbered:
    """Tells the number of its process."""

    def run(self) -> Measured:
        return Measured(1.0, 1.0, None, {"pid": float(os.getpid())})


def numbered(**_: Any) -> Numbered:
    return Numbered()


def prepare(setting: Setting) -> dict[str, Any]:
    return {"diary": str(Path(setting.work) / "diary"), "told": {"threads": setting.threads}}


class FakeLoop:
    """A loop whose step takes a second for each 1,000 tokens, and whose loss its settings say."""

    def __init__(self, settings: dict[str, Any], steps: int, seed: int, diary: str) -> None:
        self.settings, self.steps, self.seed, self.diary = settings, steps, seed, Path(diary)

    def run(self) -> Measured:
        tokens = self.settings["tokens_per_step"]
        with self.diary.open("a", encoding="utf-8") as file:
            file.write(f"{tokens} {self.settings['lr']} {self.steps} {self.seed}\n")
        off = abs(self.settings["lr"] - 3.0)  # the best rate is 3
        loss = self.settings["base"] + off + self.seed / 10 - self.steps / 1000
        facts = {"seconds_per_step": tokens / 1000, "held_out_loss": loss, "step": self.steps}
        return Measured(1.0, float(tokens * self.steps), None, facts)


def loop(
    diary: str, settings: dict[str, Any], steps: int, seed: int = 0, at_once: int | None = None
) -> FakeLoop:
    return FakeLoop(settings, at_once or steps, seed, diary)
