"""What a budget comes to in steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.train.loop import Objective, Source
from unmask.verbs.pretrain_settings import BudgetSettings

SURVEYED = 4_000_000  # tokens that an average is taken over, unless an epoch ends before
_GOLDEN = (math.sqrt(5) - 1) / 2
_MANY = 1000  # steps whose cost is counted together: a cost is counted in whole tokens
ENDS = "--minutes, --steps, --tokens or --set budget.flops"


@dataclass(frozen=True, slots=True)
class Average:
    """What a step reads and predicts, on average.

    Attributes:
        tokens: as the log counts them.
        targets: of the objective's main term.
    """

    tokens: float
    targets: float

    @classmethod
    def of(
        cls,
        parts: Iterable[tuple[float, float, Source]],
        objective: Objective,
        accumulate: int,
        seed: int,
    ) -> Average:
        """Over the first epoch or its beginning. No model is asked, so it takes little time.

        Args:
            parts: what is read, from which share of the run's steps to which.
            objective, accumulate, seed: of the run.
        """
        tokens = targets = 0.0
        for begin, end, source in parts:
            read, asked, batches = 0, 0, 0
            for batch in source.epoch(0):
                # What is asked may change in the course of a run, whose length is not known yet.
                # Multiples of the golden ratio spread evenly over it, however many there are.
                progress = begin + (end - begin) * (batches * _GOLDEN % 1.0)
                task = objective.corrupt(batch, Draws(seed, 0), progress)
                read += task.batch.tokens
                asked += next(iter(task.targets.values()))
                batches += 1
                if read >= SURVEYED:
                    break
            share = (end - begin) * accumulate / batches
            tokens, targets = tokens + share * read, targets + share * asked
        return cls(tokens, targets)

    def flops(self, cost: Callable[[int, int], float]) -> float:
        """Floating-point operations of a step.

        Args:
            cost: tokens and targets to what training on them costs.
        """
        return cost(round(_MANY * self.tokens), round(_MANY * self.targets)) / _MANY


def steps_for(
    budget: BudgetSettings,
    *,
    seconds: Callable[[], float],
    average: Callable[[], Average],
    cost: Callable[[int, int], float],
) -> int:
    """Steps of a budget: so many that the tokens are read, or that time and operations suffice.

    Args:
        seconds: of a step, where they are asked for.
        average: of the steps, likewise.
        cost: tokens and targets to floating-point operations.

    Raises:
        ConfigError: no budget, or one of less than a step.
    """
    if budget.steps is not None:
        return budget.steps
    if budget.tokens is not None:
        # Batches are rarely full: by the tokens that they may hold, a run would end too early.
        return math.ceil(budget.tokens / average().tokens)
    if budget.minutes is not None:
        one = seconds()
        return _some(budget.minutes * 60 / one, f"{budget.minutes} minutes", f"{one:.1f} s here")
    if budget.flops is not None:
        one = average().flops(cost)
        return _some(budget.flops / one, f"budget.flops={budget.flops:.3g}", f"{one:.3g}")
    raise ConfigError(f"a run needs an end: give {ENDS}")


def _some(steps: float, given: str, one: str) -> int:
    """Whole steps, at least one."""
    if steps < 1:
        raise ConfigError(
            f"a run needs at least one step, but {given} are less than one of {one}; give more, a "
            "smaller --size, or fewer tokens in a step (--set budget.tokens_per_step)"
        )
    return int(steps)
