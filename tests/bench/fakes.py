"""Arms that do nothing but write down that they ran."""

from __future__ import annotations

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


class Failing(Fake):
    def run(self) -> Measured:
        if self.runs:
            raise RuntimeError("the second run fails")
        return super().run()


def failing(name: str, diary: str, **_: Any) -> Failing:
    return Failing(name, diary, [1.0], 0.0)


def prepare(setting: Setting) -> dict[str, Any]:
    return {"diary": str(Path(setting.work) / "diary"), "told": {"threads": setting.threads}}
