"""How long a run is, when it is measured and saved, and which weights it ends with."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.errors import ConfigError
from unmask.train.average import Points
from unmask.train.best import Goal


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """Attributes:
    steps: updates in all.
    accumulate: batches whose gradients make one update.
    seed: of order, masks and dropout.
    eval_every, save_every: steps between held-out evaluations and between checkpoints; 0 for
        only at the end.
    save_seconds: a checkpoint is also written when the last is so long ago. When it is written
        changes nothing that is computed.
    keep: checkpoints kept on disk.
    average, average_every: the finished model is the mean of its weights at so many points, the
        last step and others so many steps apart before it; 0 for the last step's alone.
    goal: what the finished model's weights are chosen by, and when a run stops before its last
        step; None for the last weights after all steps.
    """

    steps: int
    accumulate: int = 1
    seed: int = 0
    eval_every: int = 0
    save_every: int = 0
    save_seconds: float = 120.0
    keep: int = 2
    average: int = 0
    average_every: int = 1
    goal: Goal | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.accumulate < 1 or self.keep < 1:
            raise ConfigError(
                "steps, accumulate and keep must be at least 1, not "
                f"{self.steps}, {self.accumulate} and {self.keep}"
            )
        if self.average and self.goal is not None:
            raise ConfigError(
                "the finished model is either a mean of weights or those that were best, but both "
                f"are asked for: average={self.average} and {self.goal.figure}; leave one out"
            )
        _ = self.points

    @property
    def points(self) -> Points:
        """Where weights are taken for the mean."""
        return Points(self.average, self.average_every, self.steps)
