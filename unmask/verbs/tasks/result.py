"""What a fine-tuning run came to, in memory and in its folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.config import from_mapping
from unmask.evaluation.seeds import Spread
from unmask.verbs.finetune_settings import TaskName
from unmask.verbs.tasks.pieces import TaskFigures

RESULT = "result.json"
_NEXT = {
    "embed": "unmask embed {folder} --input new.csv --output vectors.npy",
    "rerank": 'unmask rerank {folder} --query "..." --input documents.jsonl',
}
_PREDICT = "unmask predict {folder} --input new.csv --output answers.csv"


@dataclass(frozen=True, slots=True)
class Kept:
    """The weights that a finished model has.

    Attributes:
        step, epoch: after which they were taken.
        metric: figure of the dev rows by which weights are compared.
        figures: of the weights, as the evaluations in the course of training have them.
        best: whether they are those of the best evaluation; else the last ones.
        stopped: epochs after which the training ended before its last, as the metric had not
            become better for long enough; None where it did not.
    """

    step: int
    epoch: float
    metric: str
    figures: dict[str, float]
    best: bool
    stopped: float | None = None

    @property
    def value(self) -> float:
        """The metric, so that higher is better; the lowest there is where it is undefined."""
        value = self.figures.get(self.metric)
        if value is None:
            return -inf
        return -value if self.metric == "loss" else value


@dataclass(frozen=True, slots=True)
class SeedFigures:
    """How much the figures of runs differ that differ in their seed alone.

    Attributes:
        seeds: of the runs; each is in the folder `seed-N` of its own.
        best: the seed whose model was kept.
        figures: each figure over the seeds.
    """

    seeds: tuple[int, ...]
    best: int
    figures: tuple[Spread, ...]

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            "seeds": f"{', '.join(map(str, self.seeds))}; model/ is that of seed {self.best}",
            **{one.name.replace("_", " "): str(one) for one in self.figures},
        }


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """What a fine-tuning run came to.

    Attributes:
        task: what was learnt.
        folder: the run's folder; the model is in `model/` below it when the run is finished.
        finished: False when a signal stopped it; the same command goes on from there.
        stopped_by: number of that signal, or None.
        steps: updates done so far.
        seconds: spent in training, over all sessions.
        labels: their names, in the order of the model's outputs; empty where there are none.
        train_rows, dev_rows: how many rows were used for what.
        truncated: training texts that were cut to the context.
        figures: of the finished model on the dev rows, of the task's own class; None before the
            end.
        notes: what a person should know of data and recipe.
        trained: parameters that the training changed; 0 in results that were stored before it was
            counted.
        kept: which weights the finished model has; None before the end, and where nothing is
            measured in the course of training.
        seeds: of several runs, how much they differ; the rest of the result is then that of the
            best of them, but for `steps` and `seconds`, which are summed. None for a single run.
    """

    task: TaskName
    folder: Path
    finished: bool
    stopped_by: int | None
    steps: int
    seconds: float
    labels: tuple[str, ...]
    train_rows: int
    dev_rows: int
    truncated: int
    figures: TaskFigures | None
    notes: tuple[str, ...]
    trained: int = 0
    kept: Kept | None = None
    seeds: SeedFigures | None = None

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people; over the seeds where there are several."""
        if self.seeds is not None:
            return self.seeds.in_words()
        return {} if self.figures is None else self.figures.in_words()

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"

    @property
    def next(self) -> str:
        """The command that uses the model."""
        return _NEXT.get(self.task, _PREDICT).format(folder=self.folder)

    def write(self) -> None:
        """Store it in the run's folder."""
        facts = asdict(self)
        del facts["folder"]
        write_json(self.folder / RESULT, facts)

    @classmethod
    def read(cls, folder: Path) -> FinetuneResult:
        """The stored result of a finished run."""
        return from_mapping(cls, {**read_json(folder / RESULT), "folder": folder})
