"""What the runs of a task come to: figures with intervals, differences, and what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np

from unmask.bench.tasks.compare import Ranged, by_seed, difference, figure
from unmask.bench.tasks.runs import Stored, by_arm
from unmask.bench.tasks.task import TRAINING, TaskRow
from unmask.evaluation.bootstrap import F64


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
        also: the means of further figures, with their intervals.
    """

    name: str
    recipe: dict[str, Any]
    seeds: list[int]
    values: list[float]
    mean: Ranged
    training: list[float]
    seconds: list[float]
    also: dict[str, Ranged] = field(default_factory=dict)


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
        shared: whether other work ran beside it, so that its times say nothing.
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
    shared: bool
    arms: list[ArmFound]
    difference: Ranged | None
    ratios: list[float]
    verdicts: list[Verdict] = field(default_factory=list)

    def arm(self, name: str) -> ArmFound | None:
        """An arm by its name."""
        return next((one for one in self.arms if one.name == name), None)


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of a task, and what they said as scores.

    Attributes:
        task: the task.
        arms: the runs of each arm, by its name, in the order of their seeds.
        scores: by figure, of each arm `(S, N, 2)`, see `TaskRow.score`.
    """

    task: TaskRow
    arms: Mapping[str, Sequence[Stored]]
    scores: Mapping[str, Mapping[str, F64]]

    @classmethod
    def of(cls, task: TaskRow, folder: Path, stored: Iterable[Stored]) -> _Runs:
        """Score what was said."""
        arms = by_arm(iter(stored))
        scores = {
            figure: {
                name: np.stack([score(folder, one.said) for one in runs])
                for name, runs in arms.items()
            }
            for figure, score in {task.figure: task.score, **task.also}.items()
        }
        return cls(task, arms, scores)

    def common(self, first: str, second: str) -> list[tuple[int, int]]:
        """Places among the runs of two arms that are of the same seed.

        A second arm that draws nothing has one run, which stands beside each of the first.
        """
        if first not in self.arms or second not in self.arms:
            return []
        places = {one.seed: place for place, one in enumerate(self.arms[second])}
        if any(one.name == second and one.seeds == 1 for one in self.task.arms):
            places = dict.fromkeys((one.seed for one in self.arms[first]), 0)
        return [
            (place, places[one.seed])
            for place, one in enumerate(self.arms[first])
            if one.seed in places
        ]

    def difference(self, figure: str, first: str, second: str) -> Ranged | None:
        """Of two arms, on the same seeds; None where there is none."""
        if not (both := self.common(first, second)):
            return None
        ours, theirs = (list(places) for places in zip(*both, strict=True))
        scores = self.scores[figure]
        return difference(scores[first][ours], scores[second][theirs])


def found(task: TaskRow, folder: Path, stored: Iterable[Stored]) -> TaskFound | None:
    """A task's row from its runs; None where there are none of the first arm, ours."""
    runs = _Runs.of(task, folder, stored)
    if task.arms[0].name not in runs.arms:
        return None
    told = [_arm(runs, one.name) for one in task.arms if one.name in runs.arms]
    between, ratios = _pair(runs)
    row = TaskFound(
        task.name,
        task.what,
        task.figure,
        next(iter(runs.scores[task.figure].values())).shape[1],
        any(one.quick for some in runs.arms.values() for one in some),
        any(one.shared for some in runs.arms.values() for one in some),
        told,
        between,
        ratios,
    )
    row.verdicts.extend((*_verdicts(task, row), *_beaten(runs)))
    return row


def _arm(found: _Runs, name: str) -> ArmFound:
    runs, scores = found.arms[name], found.scores[found.task.figure][name]
    return ArmFound(
        name,
        runs[0].recipe,
        [one.seed for one in runs],
        by_seed(scores),
        figure(scores),
        [one.facts[TRAINING] for one in runs],
        [one.seconds for one in runs],
        {other: figure(found.scores[other][name]) for other in found.task.also},
    )


def _pair(runs: _Runs) -> tuple[Ranged | None, list[float]]:
    """The difference of the first two arms, and the ratio of their times, on the same seeds.

    There is no ratio where the second does not train, or other work ran beside one of them.
    """
    if len(runs.task.arms) < 2:
        return None, []
    ours, theirs = (runs.task.arms[place].name for place in (0, 1))
    ratios = [
        runs.arms[theirs][second].facts[TRAINING] / runs.arms[ours][first].facts[TRAINING]
        for first, second in runs.common(ours, theirs)
        if runs.arms[theirs][second].facts[TRAINING] > 0
        and not (runs.arms[ours][first].shared or runs.arms[theirs][second].shared)
    ]
    return runs.difference(runs.task.figure, ours, theirs), ratios


def _beaten(runs: _Runs) -> Iterator[Verdict]:
    """Whether the first arm is above the one that it is to beat, in every figure."""
    task = runs.task
    if task.asked.beats is None:
        return
    for name in runs.scores:
        between = runs.difference(name, task.arms[0].name, task.asked.beats)
        if between is not None:
            words = f"{between.value:+.3f} ({between.low:+.3f} to {between.high:+.3f})"
            yield Verdict(f"{name} above {task.asked.beats}'s", words, between.low > 0.0)


def _verdicts(task: TaskRow, row: TaskFound) -> list[Verdict]:
    """What was asked, as far as it was measured."""
    asked, made = task.asked, []
    if row.difference is not None:
        if asked.behind is not None:
            made.append(_behind(asked.behind, asked.by, row.figure, row.difference))
        if asked.faster is not None and row.ratios:
            ratio = median(row.ratios)
            times = asked.faster
            words = "trains no slower" if times == 1 else f"trains {times:g} times as fast"
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


def _behind(
    most: float, by: Literal["difference", "interval"], name: str, between: Ranged
) -> Verdict:
    found = between.low if by == "interval" else between.value
    end = " (lower end of the interval)" if by == "interval" else ""
    words = f"{name} not more than {most:.2f} lower{end}"
    return Verdict(words, f"{found:+.3f}", found >= -most)
