"""A model, what it learns and from what: all that a run needs, whatever the objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.checkpoint.origin import Origin
from unmask.errors import UnsupportedModel
from unmask.report.card import Task
from unmask.train.loop import Evaluate, LoopConfig, Objective, Run, Source, StepFacts
from unmask.train.optim import Optimizer
from unmask.verbs.budget import Average, steps_for
from unmask.verbs.health import Check
from unmask.verbs.learning.stages import Stages
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.ramp_settings import RampSettings, Stage
from unmask.verbs.start_settings import Start
from unmask.verbs.trial import Trial


@dataclass(frozen=True, slots=True)
class Given:
    """What every objective is made from.

    Attributes:
        settings: of the run.
        start: the model to go on from, if there is one.
        prepared: text, tokenizer and tokens.
        device: of the model.
    """

    settings: PretrainSettings
    start: Start | None
    prepared: Prepared
    device: torch.device

    def at(self, stage: Stage) -> Given:
        """What a run would be given that is as the stage is throughout."""
        settings = self.settings
        model = replace(settings.model, context=stage.context)
        budget = replace(settings.budget, tokens_per_step=stage.tokens_per_step)
        alone = replace(settings, model=model, budget=budget, ramp=RampSettings())
        return replace(self, settings=alone)


@dataclass(frozen=True, slots=True)
class Figure:
    """A held-out figure in words.

    Attributes:
        name: in what an evaluation gives.
        words: before the number.
        unit: nats, a share that is written in percent, or a plain number.
    """

    name: str
    words: str
    unit: Literal["nats", "share", "number"]

    def told(self, value: float) -> str:
        """The number as it is written."""
        return f"{value:.1%}" if self.unit == "share" else f"{value:.3f}"


@dataclass(frozen=True, slots=True)
class Said:
    """The words for a model of an objective, for its card.

    Attributes:
        task: of the finished model.
        noun: what kind of model it is.
        learning: what it learnt by.
        figures: of its evaluation that are told.
        rooms: of the settings that count for it, of those that only some objectives have.
        unused: settings of these rooms, as `room.key`, that do not count for it.
    """

    task: Task
    noun: str
    learning: str
    figures: tuple[Figure, ...]
    rooms: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """A model and what it learns from.

    Attributes:
        arch, config, kind: of the model that is saved.
        model: what is trained.
        objective: what it learns.
        source: its batches.
        said: it in words.
        evaluate: most tokens to read, to what takes held-out figures.
        flops: tokens and targets of the main term, to what training on them costs.
        save: writes the finished model; takes the folder and the card.
        fills: whether the finished model fills blanks.
        notes: what a person should know of how the run begins.
        origin: the model on the Hub that it goes on from, if it does.
        parameters: of the model that is saved, where that is not all that is trained; else None.
        figures: of the last steps, for the line of a run beside its loss; empty for none.
        checks: for what can go wrong in training, looked for after every step.
        stages: of a run that has several, in the place of `source`.
    """

    arch: Arch[Any]
    config: PublishedConfig
    kind: HeadKind
    model: nn.Module
    objective: Objective
    source: Source
    said: Said
    evaluate: Callable[[int], Evaluate]
    flops: Callable[[int, int], float]
    save: Callable[[Path, str], None]
    fills: bool = False
    notes: tuple[str, ...] = ()
    origin: Origin | None = None
    parameters: int | None = None
    figures: Callable[[Sequence[StepFacts]], str] = lambda steps: ""
    checks: tuple[Check, ...] = ()
    stages: Stages | None = None

    @property
    def in_transformers(self) -> bool:
        """Whether the published format can express the model."""
        return in_transformers(self.arch, self.config, self.kind)

    @property
    def parts(self) -> tuple[tuple[float, float, Source], ...]:
        """What is read, from which share of the run's steps to which."""
        if self.stages is None:
            return ((0.0, 1.0, self.source),)
        both = zip(self.stages.stages, self.stages.parts, strict=True)
        return tuple((float(stage.begin), float(stage.end), part) for stage, part in both)

    def over(self, steps: int, accumulate: int) -> Source:
        """The batches of a run of so many steps.

        Raises:
            ConfigError: a stage has no step.
        """
        return self.source if self.stages is None else self.stages.over(steps, accumulate)

    def steps(self, settings: PretrainSettings, seconds: Callable[[], float]) -> int:
        """Steps of the run's budget.

        Args:
            seconds: of a step, which are asked for where the budget is in minutes.

        Raises:
            ConfigError: see `steps_for`.
        """
        accumulate, seed = settings.budget.accumulate, settings.run.seed
        steps = steps_for(
            settings.budget,
            seconds=seconds,
            average=lambda: Average.of(self.parts, self.objective, accumulate, seed),
            cost=self.flops,
        )
        self.over(steps, accumulate)  # refuses a run that is too short for its stages
        return steps

    def trial(
        self,
        settings: PretrainSettings,
        device: torch.device,
        dtype: torch.dtype,
        advance: Callable[[float], None],
    ) -> Trial:
        """Time some steps on a copy of the model, of each stage for its share."""
        loop = LoopConfig(
            steps=10_000, accumulate=settings.budget.accumulate, seed=settings.run.seed
        )
        optim, schedule = settings.optim, settings.schedule
        trials = []
        for number, (begin, end, source) in enumerate(self.parts):

            def make(model: nn.Module, source: Source = source) -> Run:
                optimizer = Optimizer(model, optim)
                return Run(model, self.objective, source, loop, optimizer, schedule, device, dtype)

            def told(share: float, number: int = number) -> None:
                advance((number + share) / len(self.parts))

            trials.append((end - begin, Trial.of(self.model, make, told)))
        return Trial.mean(trials)


def in_transformers(arch: Arch[Any], config: PublishedConfig, kind: HeadKind) -> bool:
    """Whether the published format can express such a model."""
    try:
        arch.class_of(config, kind)
        config.published()
    except UnsupportedModel:
        return False
    return True
