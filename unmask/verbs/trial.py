"""Some steps on a copy of the model, to know what a run will cost before it starts."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from unmask.batches.store import StoreMeta
from unmask.train.loop import Run
from unmask.verbs.machine import peak_memory

WARM_UP = 8  # steps not counted: the first of each shape compile kernels
MOST, SECONDS = 60, 6.0  # steps and time that a trial takes at most


@dataclass(frozen=True, slots=True)
class Trial:
    """Attributes:
    seconds_per_step: the mean over the steps that were timed.
    spread: their interquartile range, in seconds.
    tokens_per_step: the mean.
    memory: the most that the process has held, in bytes.
    """

    seconds_per_step: float
    spread: float
    tokens_per_step: float
    memory: int

    @classmethod
    def of(
        cls,
        model: nn.Module,
        make: Callable[[nn.Module], Run],
        advance: Callable[[float], None],
    ) -> Trial:
        """Time steps on a copy of the model, which is thrown away.

        Args:
            make: the run to step through, from the copy.
            advance: told the share of the trial that is done.
        """
        run = make(copy.deepcopy(model))
        seconds, tokens = [], []
        begun = time.perf_counter()
        for number in range(WARM_UP + MOST):
            facts = run.step()
            if number >= WARM_UP:
                seconds.append(facts.seconds)
                tokens.append(facts.tokens)
            spent = time.perf_counter() - begun
            advance(min(1.0, max(number / (WARM_UP + MOST), spent / SECONDS)))
            if spent > SECONDS and len(seconds) >= 3:
                break
        quarters = statistics.quantiles(seconds, n=4)
        return cls(
            statistics.mean(seconds), quarters[2] - quarters[0], statistics.mean(tokens),
            peak_memory(),
        )  # fmt: skip

    @classmethod
    def mean(cls, parts: Sequence[tuple[float, Trial]]) -> Trial:
        """Of a run whose parts were timed by themselves.

        Args:
            parts: with the share of the run's steps that each has.
        """
        return cls(
            sum(share * one.seconds_per_step for share, one in parts),
            sum(share * one.spread for share, one in parts),
            sum(share * one.tokens_per_step for share, one in parts),
            max(one.memory for _, one in parts),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would be.

    Attributes:
        parameters: weights in all.
        corpus_tokens: tokens of the training text, special ones not counted.
        steps, tokens: of the run.
        epochs: how often the text is read.
        minutes: how long it takes, evaluation and saving not counted.
        tokens_per_second: at which speed.
        memory_gib: the most that the trial needed.
    """

    parameters: int
    corpus_tokens: int
    steps: int
    tokens: int
    epochs: float
    minutes: float
    tokens_per_second: float
    memory_gib: float

    @classmethod
    def of(cls, steps: int, trial: Trial, model: nn.Module, store: StoreMeta) -> Plan:
        """A plan of so many steps, from a trial."""
        tokens = round(steps * trial.tokens_per_step)
        return cls(
            parameters=sum(p.numel() for p in model.parameters()),
            corpus_tokens=store.tokens,
            steps=steps,
            tokens=tokens,
            epochs=tokens / store.tokens,
            minutes=steps * trial.seconds_per_step / 60,
            tokens_per_second=trial.tokens_per_step / trial.seconds_per_step,
            memory_gib=trial.memory / 2**30,
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
