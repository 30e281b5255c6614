"""Training with this package's own loop, so many steps at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.loader import PretrainingBatches
from unmask.bench.arm import Measured
from unmask.bench.prepare_training import opened, sequences
from unmask.checkpoint.folder import open_classifier
from unmask.config import from_mapping
from unmask.evaluation.held_out import HeldOutTasks
from unmask.evaluation.masked import MaskedEvaluation
from unmask.nn.dropout import set_dropout
from unmask.objectives.supervised import Classification
from unmask.train.loop import LoopConfig, Objective, Run, Source
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.precision import Dtype, resolve_dtype
from unmask.train.schedule import Schedule
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.learning.pieces import Pieces
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.tasks.classify import Measure
from unmask.verbs.tasks.labelled_data import Split
from unmask.verbs.tasks.rows import Rows

I64 = npt.NDArray[np.int64]
LINES = 64
"""Lines of a batch."""
HELD_OUT_TOKENS = 8_000  # read after each run, outside the clock
ORDER = 301  # stream of Draws
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class LineBatches:
    """Batches of so many lines each in random order, whatever their lengths.

    Attributes:
        over: the sequences.
        lines: of each batch; what is left at the end of an epoch is left out.
    """

    over: PretrainingBatches
    lines: int = LINES

    def numbers(self, epoch: int) -> list[I64]:
        """The sequences of each batch of an epoch, a function of the seed and the epoch."""
        count = len(self.over.sequences)
        order = Draws(self.over.seed, epoch).permutation(count, ORDER)
        ends = range(self.lines, count + 1, self.lines)
        return [order[end - self.lines : end] for end in ends]

    def first(self, steps: int) -> list[I64]:
        """The batches of so many steps, over as many epochs as it takes."""
        taken: list[I64] = []
        epoch = 0
        while len(taken) < steps:
            taken += self.numbers(epoch)
            epoch += 1
        return taken[:steps]

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on, each by rising length."""
        lengths = self.over.lengths
        for chosen in islice(self.numbers(epoch), first, None):
            yield self.over.batch(chosen[np.argsort(lengths[chosen], kind="stable")])


def by_lines(batches: PretrainingBatches) -> LineBatches:
    """64 lines at random: what a padded loop reads too, batch by batch."""
    return LineBatches(batches)


def by_length(batches: PretrainingBatches) -> PretrainingBatches:
    """64 lines on average, those of about equal length together: this package's own order."""
    lengths = batches.lengths
    budget = max(int(lengths.max()), round(LINES * float(lengths.mean())))
    sequences, prefix, suffix = batches.sequences, batches.prefix, batches.suffix
    return PretrainingBatches(
        batches.tokens, sequences, prefix, suffix, budget, batches.seed, batches.window
    )


ORDERS: dict[str, Callable[[PretrainingBatches], Source]] = {
    "lines": by_lines,
    "length": by_length,
}


class OwnLoop:
    """An arm that goes on with its run, so many steps at a time.

    Args:
        run: where it stands.
        steps: of one run of the arm; None for all that are left.
        after: figures that are taken after each, outside the clock.
    """

    def __init__(self, run: Run, steps: int | None, after: Any) -> None:
        self.loop, self.steps, self._after = run, steps, after

    def run(self) -> Measured:
        """The next steps. Work is in tokens, of which none is padding."""
        left = self.loop.config.steps - self.loop.position.step
        begun = time.perf_counter()
        facts = [self.loop.step() for _ in range(left if self.steps is None else self.steps)]
        seconds = time.perf_counter() - begun
        return measured(
            seconds,
            [one.tokens for one in facts],
            [one.loss for one in facts],
            self.loop.position.step,
            self.loop.evaluate(self._after),
        )


def measured(
    seconds: float, tokens: Sequence[int], losses: Sequence[float], step: int, after: Any
) -> Measured:
    """Steps of a loop as a run of an arm."""
    facts = {
        "loss": mean(losses),
        "step": float(step),
        "seconds_per_step": seconds / len(losses),
        **after,
    }
    return Measured(seconds, float(sum(tokens)), None, facts)


def run_of(
    model: torch.nn.Module,
    objective: Objective,
    source: Source,
    steps: int,
    *,
    optim: OptimConfig,
    schedule: Schedule,
    seed: int,
    dtype: Dtype,
) -> Run:
    """A run at its beginning."""
    loop = LoopConfig(steps=steps, seed=seed)
    made = Optimizer(model, optim)
    number_format = resolve_dtype(dtype, CPU)
    return Run(model.train(), objective, source, loop, made, schedule, CPU, number_format)


def masked_run(settings: PretrainSettings, pieces: Pieces, source: Source, dtype: Dtype) -> Run:
    """A run of `unmask pretrain` at its beginning, over batches in this order.

    Its budget must be in steps.
    """
    assert settings.budget.steps is not None
    return run_of(
        pieces.model,
        pieces.objective,
        source,
        settings.budget.steps,
        optim=settings.optim,
        schedule=settings.schedule,
        seed=settings.run.seed,
        dtype=dtype,
    )


def held_out(prepared: Prepared, context: int) -> HeldOutTasks:
    """The masked tokens of held-out text that both libraries' models are asked for."""
    return MaskedEvaluation.over(
        prepared.tokenizer,
        (document.text for document in prepared.corpus.documents("held_out")),
        context=context,
        most_tokens=HELD_OUT_TOKENS,
    )


def pretraining(
    work: str, recipe: dict[str, Any], dtype: Dtype, order: str = "lines", steps: int = 8
) -> OwnLoop:
    """Masked language modelling, as `unmask pretrain` does it.

    Args:
        work, recipe: as `prepare_training` gives them.
        dtype: of the matrix products.
        order: a name in `ORDERS`.
        steps: of one run of the arm.
    """
    settings, prepared, pieces = opened(Path(work), recipe)
    tasks = held_out(prepared, settings.model.context)
    run = masked_run(settings, pieces, ORDERS[order](sequences(pieces)), dtype)
    return OwnLoop(run, steps, lambda model: {"held_out_loss": tasks(model)["loss"]})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """Settings of fine-tuning that both loops have.

    Attributes:
        train, test: tables of texts and labels.
        model: folder of the encoder.
        lr: peak rate, after a tenth of the steps, falling to zero at the end of the epoch.
        batch: texts of a batch.
    """

    train: str
    test: str
    model: str
    lr: float = 2e-4
    batch: int = 32

    def split(self) -> Split:
        """The rows."""
        return Split.read(self.train, self.test, TuneData(), 0)


def finetuning(tuning: dict[str, Any], dtype: Dtype, steps: int | None = 20) -> OwnLoop:
    """A classifier on an encoder, for one epoch, as `unmask finetune` does it.

    Args:
        tuning: fields of `Tuning`.
        dtype: of the matrix products.
        steps: of one run of the arm; None for the whole epoch, with the accuracy after it.
    """
    wanted = from_mapping(Tuning, tuning)
    split = wanted.split()
    made = open_classifier(wanted.model, labels=split.labels)
    set_dropout(made.model, 0.0)
    batches = Rows.of(split.train.texts, made, "truncate").batches(wanted.batch, 0)
    run = run_of(
        made.model,
        Classification.of(split.train.labels, made.labels),
        batches,
        batches.steps(1),
        optim=OptimConfig(lr=wanted.lr, muon_lr=0.0, weight_decay=0.0, betas=(0.9, 0.999)),
        schedule=Schedule(shape="linear", warmup=0.1),
        seed=0,
        dtype=dtype,
    )
    if steps is not None:
        return OwnLoop(run, steps, lambda model: {})
    dev = Measure.of(split.dev, made, "truncate")
    return OwnLoop(run, steps, lambda model: {"accuracy": dev(model)["accuracy"]})
