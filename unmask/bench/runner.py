"""Arms in rounds, A B C A B C ...: every arm meets the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from unmask.bench.arm import F32, ArmSpec, Measured, as_file_name
from unmask.bench.measure import RATE, SECONDS, Measure, Setting
from unmask.bench.process import ArmProcess, NotMeasured, prepared

PAUSE = 0.1  # seconds between runs: idle threads of some libraries spin for some milliseconds


@dataclass(slots=True)
class Row:
    """What was measured of one arm.

    Attributes:
        name: of the arm.
        work: of a run, in the measure's unit.
        seconds: of each round.
        facts: other figures, each with its value of every round.
        smallest: least cosine to the reference; None where nothing was held against it.
        mean: mean cosine.
        missing: why it was not measured; None where it was.
    """

    name: str
    work: float = 0.0
    seconds: list[float] = field(default_factory=list)
    facts: dict[str, list[float]] = field(default_factory=dict)
    smallest: float | None = None
    mean: float | None = None
    missing: str | None = None

    def values(self, figure: str) -> list[float]:
        """A figure in every round; empty where there is none."""
        if self.missing is not None:
            return []
        if figure == RATE:
            return [self.work / seconds for seconds in self.seconds]
        return self.seconds if figure == SECONDS else self.facts.get(figure, [])

    def add(self, measured: Measured) -> None:
        """One more round. Of a loop that has gone astray nothing counts, its speed neither."""
        told = {"work": measured.work, SECONDS: measured.seconds, **measured.facts}
        if astray := [f"{name} {value}" for name, value in told.items() if not isfinite(value)]:
            self.missing = f"round {len(self.seconds) + 1} gave {', '.join(astray)}"
            return
        self.work = measured.work
        self.seconds.append(measured.seconds)
        for name, value in measured.facts.items():
            self.facts.setdefault(name, []).append(float(value))


@dataclass(slots=True)
class Table:
    """What was measured.

    Attributes:
        measure: its name.
        unit: of work.
        rows: one for each arm, in their order.
        prepared: what was made for all arms that is worth telling, such as statistics of texts.
    """

    measure: str
    unit: str
    rows: list[Row]
    prepared: dict[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        """The row of an arm."""
        return next(row for row in self.rows if row.name == name)


@dataclass(slots=True)
class _Made:
    """An arm that waits for its turn.

    Attributes:
        outputs: of its first run; None before it, and where the measure compares none.
        ran: whether there was one.
    """

    row: Row
    arm: ArmProcess
    outputs: F32 | None = None
    ran: bool = False

    def tried(self) -> Measured | None:
        """One run; None where it or one before has failed, as the row says. Then the arm is closed.

        The first hands over its outputs, which are large.
        """
        if self.row.missing is not None:
            return None
        try:
            measured = self.arm.run(show=not self.ran)
        except NotMeasured as why:
            self.row.missing = str(why)
            self.arm.close()  # at once: what is left of it would slow the others down
            return None
        if not self.ran:
            self.outputs, self.ran = measured.outputs, True
        return measured


Say = Callable[[float, str], None]


def run(
    measure: Measure, setting: Setting, rounds: int, say: Say, *, pause: float = PAUSE
) -> Table:
    """Make all arms of a measure and run them in rounds.

    An arm that cannot be made, or fails, is a row that says why.

    Args:
        measure: what is compared.
        setting: where and with how many threads; its folder is made.
        rounds: of all arms.
        say: told the share that is done, and words.
        pause: seconds between runs.
    """
    work = Path(setting.work)
    work.mkdir(parents=True, exist_ok=True)
    rows = [Row(spec.name) for spec in measure.arms]
    table = Table(measure.name, measure.unit, rows)
    common: Mapping[str, Any] = {}
    if measure.prepare is not None:
        say(0.0, "preparing")
        try:
            common = prepared(
                measure.prepare, setting, _log(work, measure, "prepare"), measure.limit
            )
        except NotMeasured as why:
            for row in rows:
                row.missing = str(why)
            return table
    table.prepared = dict(common.get("told", {}))
    options = {key: value for key, value in common.items() if key != "told"}
    with ExitStack() as stack:
        made = _made(measure, setting, options, rows, stack, say)
        _rounds(measure, made, rounds, say, pause)
    _compare(measure, made)
    return table


def _log(work: Path, measure: Measure, name: str) -> Path:
    return work / f"{measure.name}-{as_file_name(name)}.log"


def _made(
    measure: Measure,
    setting: Setting,
    options: Mapping[str, Any],
    rows: list[Row],
    stack: ExitStack,
    say: Say,
) -> list[_Made]:
    """The arms that could be made, warmed up."""
    made = []
    for number, (spec, row) in enumerate(zip(measure.arms, rows, strict=True)):
        say(0.3 * number / len(rows), f"making {spec.name}")
        try:
            one = _Made(row, _arm(spec, measure, setting, options, stack))
        except NotMeasured as why:
            row.missing = str(why)
            continue
        for _ in range(0 if spec.name in measure.cold else measure.warm_up):
            one.tried()
        made.append(one)
    return made


def _arm(
    spec: ArmSpec,
    measure: Measure,
    setting: Setting,
    options: Mapping[str, Any],
    stack: ExitStack,
) -> ArmProcess:
    log = _log(Path(setting.work), measure, spec.name)
    log.unlink(missing_ok=True)
    arm = ArmProcess(spec, options, setting.threads, log, measure.limit)
    stack.callback(arm.close)
    return arm


def _rounds(measure: Measure, made: list[_Made], rounds: int, say: Say, pause: float) -> None:
    for number in range(rounds):
        for place, one in enumerate(made):
            row = one.row
            if row.missing is not None or number >= measure.fewer.get(row.name, rounds):
                continue
            done = (number + place / len(made)) / rounds
            say(0.3 + 0.7 * done, f"round {number + 1} of {rounds}: {row.name}")
            time.sleep(pause)
            for _ in range(measure.before):
                one.tried()
            if (measured := one.tried()) is None:
                continue
            row.add(measured)
            if row.missing is not None:
                one.arm.close()


def _compare(measure: Measure, made: list[_Made]) -> None:
    """Hold each arm's outputs against those of its reference."""
    outputs = {one.row.name: one.outputs for one in made}
    for one in made:
        reference = outputs.get(measure.reference_of(one.row.name) or "")
        if reference is not None and one.outputs is not None:
            one.row.smallest, one.row.mean = cosines(one.outputs, reference)


def cosines(found: F32, reference: F32) -> tuple[float, float]:
    """Smallest and mean cosine of rows `(N, E)` to those of the reference, in float64.

    Outputs of another shape, or that are no numbers, agree with nothing: both are -1.
    """
    if found.shape != reference.shape or not np.isfinite([found, reference]).all():
        return -1.0, -1.0
    a, b = found.astype(np.float64), reference.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(lengths > 0, (a * b).sum(1) / lengths, -1.0)
    return float(cosine.min()), float(cosine.mean())
