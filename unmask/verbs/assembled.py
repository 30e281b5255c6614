"""What a run of `unmask pretrain` works on, and what it refuses before it begins."""

from __future__ import annotations

from dataclasses import replace

import torch

from unmask.errors import ConfigError
from unmask.train.loop import LoopConfig
from unmask.verbs.learning.kinds import chosen
from unmask.verbs.learning.model import config_of
from unmask.verbs.learning.pieces import Given, Pieces
from unmask.verbs.learning.stages import Stages
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.ramp_settings import first_steps
from unmask.verbs.start_settings import Start

LEAST = 4  # tokens of a context: two special ones, and two of text
EVALUATIONS = 10  # held-out evaluations in a run, unless --eval-every says otherwise
AVERAGE_SHARE = 100  # points of a mean are this part of the run apart, unless told otherwise
_ANY_STEPS = 10**9  # the number of steps is not there yet
_PAD = 0  # any id: the vocabulary is not there yet


def check(settings: PretrainSettings, start: Start | None) -> None:
    """Refuse settings that cannot be served before any work is done and any folder is made.

    Raises:
        ConfigError, UnsupportedModel: the first that is wrong.
    """
    if settings.tokenizer.vocab_size < 8:
        raise ConfigError(
            "a vocabulary has five special tokens and needs others, but vocab_size is "
            f"{settings.tokenizer.vocab_size}"
        )
    chosen(settings, config_of(settings, start, max(settings.tokenizer.vocab_size, 8), _PAD))
    steps = settings.budget.steps or _ANY_STEPS
    loop_of(settings, steps)
    first_steps(settings.stages, steps)
    _check_batches(settings)


def _check_batches(settings: PretrainSettings) -> None:
    """In each stage, a batch holds the longest sequence."""
    for number, stage in enumerate(settings.stages, 1):
        if stage.context < LEAST:
            name = settings.ramp.length.removeprefix("--set ")
            raise ConfigError(
                f"a context must leave room for text beside the special tokens, {LEAST} tokens at "
                f"least, but {name} asks for {stage.context}; give a longer one"
            )
        per_batch = stage.tokens_per_step // settings.budget.accumulate
        if per_batch >= stage.context:
            continue
        several = len(settings.stages) > 1
        where = f"in stage {number} of {len(settings.stages)} " if several else ""
        raise ConfigError(
            f"a batch must hold the longest sequence, but {where}tokens_per_step / accumulate is "
            f"{per_batch} and the context {stage.context}; raise the one with {settings.ramp.size} "
            f"or lower the other with {settings.ramp.length}"
        )


def loop_of(settings: PretrainSettings, steps: int) -> LoopConfig:
    """What the loop is told of a run of so many steps.

    Raises:
        ConfigError: a number is out of range, or the run is too short for the mean that is asked.
    """
    run = settings.run
    apart = max(1, steps // AVERAGE_SHARE) if run.average_every is None else run.average_every
    return LoopConfig(
        steps=steps,
        accumulate=settings.budget.accumulate,
        seed=run.seed,
        eval_every=max(1, steps // EVALUATIONS) if run.eval_every is None else run.eval_every,
        save_every=run.save_every,
        keep=run.keep,
        average=run.average,
        average_every=apart,
    )


def assemble(
    settings: PretrainSettings, start: Start | None, prepared: Prepared, device: torch.device
) -> Pieces:
    """A model to train, new or begun from `start`, its objective and its batches."""
    tokenizer = prepared.tokenizer
    config = config_of(settings, start, tokenizer.vocab_size, tokenizer.pad_id)
    kind, given = chosen(settings, config), Given(settings, start, prepared, device)
    pieces, stages = kind.pieces(given), settings.stages
    if len(stages) == 1:
        return pieces
    parts = tuple(kind.batches(given.at(stage)) for stage in stages)
    return replace(pieces, stages=Stages(stages, parts))
