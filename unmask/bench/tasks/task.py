"""A task of the benchmark: its files, its arms, how they are scored, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unmask.bench.arm import Measured
from unmask.bench.process import resolve
from unmask.checkpoint.jsonfile import write_json
from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64

TRAINING = "training_s"
"""The fact that times are compared by: seconds of training."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a task's files come from and go to.

    Attributes:
        data: the folder of all data sets.
        folder: the task's own; made.
        seeds: that will be run.
        quick: whether a few rows are enough.
    """

    data: Path
    folder: Path
    seeds: tuple[int, ...]
    quick: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What an arm is run with.

    Attributes:
        data: the task's folder.
        model: the folder of the pretrained model.
        out: a folder for what is made; not there yet.
        predictions: the file for what is said of each test row.
        seed: of everything random.
        threads: of the processor.
        epochs: over the training rows.
        more: what only this arm is told.
        device: "cpu" or a GPU, where it trains and answers.
    """

    data: str
    model: str
    out: str
    predictions: str
    seed: int
    threads: int
    epochs: int
    more: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"

    def file(self, kind: str) -> Path:
        """The "train", "dev" or "test" file; a seed may have its own."""
        return file_of(Path(self.data), kind, self.seed)

    def told(
        self, seconds: float, training: float, said: Sequence[Any], **facts: float
    ) -> Measured:
        """Keep what was said of each test row, and give the figures.

        Args:
            seconds: from the files to the saved model.
            training: seconds of these in which it trained.
            said: of each test row.
            facts: other figures.
        """
        write_json(Path(self.predictions), list(said))
        return Measured(seconds, float(len(said)), facts={TRAINING: training, **facts})


def file_of(folder: Path, kind: str, seed: int) -> Path:
    """A task's file of a kind.

    Raises:
        DataError: there is none.
    """
    for stem in (f"{kind}-{seed}", kind):
        if found := sorted(folder.glob(f"{stem}.*")):
            return found[0]
    raise DataError(f"{folder} must hold a file of {kind} rows, but has none; remove the folder")


Run = Callable[[Given], Measured]
Score = Callable[[Path, Sequence[Any]], F64]
"""Of a task's folder and what was said of each test row; see `TaskRow.score`."""


class Once:
    """An arm that does one thing."""

    def __init__(self, function: Run, given: Given) -> None:
        self._function, self._given = function, given

    def run(self) -> Measured:
        """Do it."""
        return self._function(self._given)


def once(function: str, given: Mapping[str, Any]) -> Once:
    """An arm by the name of its function, "module:function", called with a `Given`."""
    return Once(resolve(function), Given(**given))


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do a task.

    Attributes:
        name: as it stands in tables.
        run: "module:function", a `Run`.
        epochs: over the training rows; 0 where it has none.
        more: what only it is told.
        seeds: how many, from 0, where it is fewer than the task has; 1 of an arm that draws
            nothing. None for all.
    """

    name: str
    run: str
    epochs: int
    more: Mapping[str, Any] = field(default_factory=dict)
    seeds: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be reached.

    Attributes:
        behind: by how much the first arm may be behind the second; None where that is not asked.
        by: whether that holds of the difference itself or of the lower end of its interval.
        faster: how many times; None where time is only told.
        least: what the first arm's figure must be; None for nothing.
        above: the arm whose figure must lie below the first arm's interval; None for none.
        beats: the arm that all figures of the first one must be above: the whole interval of their
            paired difference; None for none.
    """

    behind: float | None
    by: Literal["difference", "interval"] = "difference"
    faster: float | None = None
    least: float | None = None
    above: str | None = None
    beats: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One row of the page.

    Attributes:
        name: on the command line.
        what: in words, with the numbers of rows.
        figure: what is counted, such as "accuracy".
        prepare: writes the task's files.
        score: of what was said of each test row, `(N, 2)`: a row's share of what the figure counts,
            and of what it counts it out of. The figure is the sum over the sum.
        arms: ours first, then the one that it is held against, then any others.
        asked: of the first arm.
        seeds: how many, from 0.
        also: further figures by their names, scored likewise; told, and compared where the first
            arm is to beat another.
    """

    name: str
    what: str
    figure: str
    prepare: Callable[[Files], None]
    score: Score
    arms: tuple[Contestant, ...]
    asked: Asked
    seeds: int = 3
    also: Mapping[str, Score] = field(default_factory=dict)
