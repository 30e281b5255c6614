"""What the runs come to, as JSON and as the table of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from unmask.bench.machine import all_versions, hardware
from unmask.bench.tasks.compare import Ranged, by_seed, difference, figure
from unmask.bench.tasks.runs import Runs, Stored, by_arm
from unmask.bench.tasks.task import TRAINING, Asked, TaskRow
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import F64

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ArmFound:
    """What one arm came to.

    Attributes:
        name: of the arm.
        recipe: what it was run with.
        seeds: those that were run.
        values: the figure of each.
        mean: of them, with its interval.
        training: seconds of training of each.
        seconds: from the files to the saved model of each.
    """

    name: str
    recipe: dict[str, Any]
    seeds: list[int]
    values: list[float]
    mean: Ranged
    training: list[float]
    seconds: list[float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was asked for.

    Attributes:
        what: in words.
        found: what came out, in words.
        reached: whether that is enough.
    """

    what: str
    found: str
    reached: bool


@dataclass(frozen=True, slots=True)
class TaskFound:
    """A task's row.

    Attributes:
        name, what, figure: of the task.
        rows: that were tested.
        quick: whether it was only a try.
        arms: that were run, ours first.
        difference: ours less the peer's, on the same seeds; None while one of them is missing.
        ratios: how many times as long the peer trained, by seed.
        verdicts: on what was asked.
    """

    name: str
    what: str
    figure: str
    rows: int
    quick: bool
    arms: list[ArmFound]
    difference: Ranged | None
    ratios: list[float]
    verdicts: list[Verdict] = field(default_factory=list)

    def arm(self, name: str) -> ArmFound | None:
        """An arm by its name."""
        return next((one for one in self.arms if one.name == name), None)


def found(task: TaskRow, folder: Path, stored: Iterable[Stored]) -> TaskFound | None:
    """A task's row from its runs; None where there are none."""
    arms = by_arm(iter(stored))
    scores = {
        name: np.stack([task.score(folder, one.said) for one in runs])
        for name, runs in arms.items()
    }
    told = [_arm(arms[one.name], scores[one.name]) for one in task.arms if one.name in arms]
    if not told:
        return None
    between, ratios = _pair(task, arms, scores)
    row = TaskFound(
        task.name,
        task.what,
        task.figure,
        next(iter(scores.values())).shape[1],
        any(one.quick for runs in arms.values() for one in runs),
        told,
        between,
        ratios,
    )
    row.verdicts.extend(_verdicts(task, row))
    return row


def _arm(runs: Sequence[Stored], scores: F64) -> ArmFound:
    return ArmFound(
        runs[0].arm,
        runs[0].recipe,
        [one.seed for one in runs],
        by_seed(scores),
        figure(scores),
        [one.facts[TRAINING] for one in runs],
        [one.seconds for one in runs],
    )


def _pair(
    task: TaskRow, arms: Mapping[str, Sequence[Stored]], scores: Mapping[str, F64]
) -> tuple[Ranged | None, list[float]]:
    """The difference of the first two arms, and the ratio of their times, on the same seeds."""
    if len(task.arms) < 2:
        return None, []
    ours, theirs = (task.arms[place].name for place in (0, 1))
    if ours not in arms or theirs not in arms:
        return None, []
    first = {one.seed: place for place, one in enumerate(arms[ours])}
    second = {one.seed: place for place, one in enumerate(arms[theirs])}
    if not (seeds := sorted(first.keys() & second.keys())):
        return None, []
    ours_SN2 = scores[ours][[first[seed] for seed in seeds]]
    theirs_SN2 = scores[theirs][[second[seed] for seed in seeds]]
    ratios = [
        arms[theirs][second[seed]].facts[TRAINING] / arms[ours][first[seed]].facts[TRAINING]
        for seed in seeds
    ]
    return difference(ours_SN2, theirs_SN2), ratios


def _verdicts(task: TaskRow, row: TaskFound) -> list[Verdict]:
    """What was asked, as far as it was measured."""
    asked, made = task.asked, []
    if row.difference is not None:
        made.append(_behind(asked, row.figure, row.difference))
        if asked.faster is not None:
            ratio = median(row.ratios)
            words = f"trains {asked.faster:g} times as fast"
            made.append(Verdict(words, f"{ratio:.1f} times", ratio >= asked.faster))
    ours = row.arm(task.arms[0].name)
    if ours is not None and asked.least is not None:
        value = ours.mean.value
        made.append(
            Verdict(f"{row.figure} of {asked.least:.3f}", f"{value:.3f}", value >= asked.least)
        )
    other = None if asked.above is None else row.arm(asked.above)
    if ours is not None and other is not None:
        made.append(
            Verdict(
                f"interval above the {other.name}'s {other.mean.value:.3f}",
                f"from {ours.mean.low:.3f}",
                ours.mean.low > other.mean.value,
            )
        )
    return made


def _behind(asked: Asked, name: str, between: Ranged) -> Verdict:
    found = between.low if asked.by == "interval" else between.value
    end = " (lower end of the interval)" if asked.by == "interval" else ""
    words = f"{name} not more than {asked.behind:.2f} lower{end}"
    return Verdict(words, f"{found:+.3f}", found >= -asked.behind)


def results(runs: Runs, tasks: Sequence[TaskRow], run: bool) -> list[TaskFound]:
    """The rows of tasks, by their stored runs.

    Args:
        runs: stored.
        tasks: in order.
        run: whether runs that are missing are made.
    """
    rows = []
    for task in tasks:
        if run:
            stored = list(runs.all(task))
        else:
            every = (runs.stored(task, arm, seed) for seed in runs.seeds(task) for arm in task.arms)
            stored = [one for one in every if one is not None]
        if stored and (row := found(task, runs.folder(task), stored)) is not None:
            rows.append(row)
    return rows


def save(path: Path, rows: Sequence[TaskFound], threads: int) -> None:
    """Write `results.json`."""
    write_json(
        path,
        {
            "schema": SCHEMA,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": all_versions(),
            "hardware": hardware(threads),
            "tasks": [asdict(row) for row in rows],
        },
    )


def load(path: Path) -> tuple[dict[str, Any], list[TaskFound]]:
    """Read a `results.json`: what it says of itself, and its rows.

    Raises:
        ConfigError: it is of another form.
    """
    said = read_json(path)
    if said.get("schema") != SCHEMA or "tasks" not in said:
        raise ConfigError(f"{path} must be results of unmask.bench.tasks, schema {SCHEMA}")
    rows = []
    for one in said.pop("tasks"):
        arms = [ArmFound(**{**arm, "mean": Ranged(**arm["mean"])}) for arm in one["arms"]]
        between = one["difference"]
        rows.append(
            TaskFound(
                **{
                    **one,
                    "arms": arms,
                    "difference": None if between is None else Ranged(**between),
                    "verdicts": [Verdict(**verdict) for verdict in one["verdicts"]],
                }
            )
        )
    return said, rows
