"""What a fine-tuning run came to, in memory and in its folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.config import from_mapping
from unmask.verbs.finetune_settings import TaskName
from unmask.verbs.tasks.pieces import TaskFigures

RESULT = "result.json"


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

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"

    def write(self) -> None:
        """Store it in the run's folder."""
        facts = asdict(self)
        del facts["folder"]
        write_json(self.folder / RESULT, facts)

    @classmethod
    def read(cls, folder: Path) -> FinetuneResult:
        """The stored result of a finished run."""
        return from_mapping(cls, {**read_json(folder / RESULT), "folder": folder})
