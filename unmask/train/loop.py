"""The training loop: one for every objective.

Everything that a step depends on is a function of (seed, step) or lies in the saved state:
batches of (seed, epoch, number), masks of (seed, epoch, sample, position), dropout of
(seed, step). So a run that was killed goes on to the bits it would have had.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.checkpoint.state import latest_state, load_state, save_state
from unmask.errors import NonFiniteLoss
from unmask.objectives.targets import Asked, Losses
from unmask.train.average import Average
from unmask.train.best import Best
from unmask.train.log import RunLog
from unmask.train.loop_config import LoopConfig as LoopConfig
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.precision import mixed
from unmask.train.schedule import Schedule
from unmask.train.signals import stop_on_signals
from unmask.train.terms import StepTerms, added
from unmask.train.weights import put_weights, trained_weights

STOP_AFTER_BAD = 3  # non-finite steps in a row before a run gives up
Evaluate = Callable[[Any], Mapping[str, float]]


class Source(Protocol):
    """Where batches come from."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on."""
        ...


class Objective(Protocol):
    """What is learnt from a batch."""

    def corrupt(self, batch: Batch, draws: Draws, progress: float) -> Asked:
        """The batch as the model sees it, and what it is to predict."""
        ...

    def loss(self, model: Any, task: Any) -> Losses:
        """The summed loss of a task that `corrupt` gave, term by term."""
        ...


@dataclass(slots=True)
class Position:
    """How far a run has come; saved whole.

    Attributes:
        step: updates done (skipped ones count).
        epoch, batch: the next batch to read.
        tokens, targets: read so far, and predicted by the loss's main term.
        seconds: spent so far, over all sessions.
        bad: non-finite steps in a row, up to now; `skipped` in all.
        sessions: how often the run was begun or resumed.
        counts: what the objective did to tokens, summed, by name.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    targets: int = 0
    seconds: float = 0.0
    bad: int = 0
    skipped: int = 0
    sessions: int = 0
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What one step did; passed to `watch` and written to the log.

    Attributes:
        step: how many are done.
        tokens: read.
        targets: predicted by the main term.
        loss: the mean over targets, in nats; of several terms the weighted sum of their means.
        accuracy: share of the main term's targets that the first guess got right.
        lr, grad_norm: the learning rate, and the length of the gradient before it was clipped.
        seconds: that it took.
        counts: what was done to the tokens, by name.
        terms: targets, mean loss and share of hits of each term, where there are several.
    """

    step: int
    tokens: int
    targets: int
    loss: float
    accuracy: float
    lr: float
    grad_norm: float
    seconds: float
    counts: dict[str, int]
    terms: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes:
    position: where the run stands.
    stopped_by: the signal that stopped it early, or None when it is finished.
    held_out: figures of the last evaluation.
    notes: what happened on the way that a person should read.
    best_step: after which the weights were best by the run's goal, and which the model has if they
        are kept; None without a goal.
    """

    position: Position
    stopped_by: int | None
    held_out: dict[str, float]
    notes: tuple[str, ...]
    best_step: int | None = None


def train(
    model: nn.Module,
    objective: Objective,
    source: Source,
    config: LoopConfig,
    *,
    optim: OptimConfig,
    schedule: Schedule,
    run_dir: Path,
    device: torch.device,
    dtype: torch.dtype,
    evaluate: Evaluate | None = None,
    watch: Callable[[StepFacts, Position], None] | None = None,
    shares: Mapping[str, float] | None = None,
) -> Outcome:
    """Train to the last step, from the newest valid checkpoint in `run_dir` if there is one.

    With a goal, a run also ends where its patience does.

    Args:
        model: on `device`; its parameters are updated in place.
        run_dir: gets `log.jsonl` and `checkpoints/`.
        dtype: of the matrix products.
        evaluate: held-out figures of a model; called with the model in evaluation mode. Where the
            finished model is a mean, the log has those of the last weights as "held_out" and those
            of the mean, which are what is returned, as "averaged".
        watch: called after every step.
        shares: of the peak learning rate, by a parameter's name; see `Optimizer`.

    Raises:
        NonFiniteLoss: the loss or its gradient was not finite three steps in a row. The model is
            put back to the last good checkpoint, and the batch is named.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    optimizer = Optimizer(model, optim, shares)
    run = Run(model, objective, source, config, optimizer, schedule, device, dtype)
    notes = run.resume(run_dir)
    run.position.sessions += 1
    log = RunLog(run_dir / "log.jsonl", run.position.step)
    held_out: dict[str, float] = {}
    saved_at = time.monotonic()
    try:
        with stop_on_signals() as request:
            while not run.ended:
                facts = run.step()
                _record(log, facts, run.position)
                if run.position.bad == STOP_AFTER_BAD:
                    run.give_up(run_dir, facts)
                if watch is not None:
                    watch(facts, run.position)
                done = run.position.step
                if evaluate is not None and _due(done, config.eval_every, config.steps):
                    held_out = run.measure(evaluate, log)
                late = time.monotonic() - saved_at > config.save_seconds
                due = run.ended or _due(done, config.save_every, config.steps)
                if late or request.signal or due:
                    save_state(run_dir, done, run.state(), keep=config.keep)
                    saved_at = time.monotonic()
                if request.signal is not None:
                    break
    finally:
        log.close()
    if not run.ended:
        return Outcome(run.position, request.signal, held_out, notes)
    run.give_result()  # after the last save: a state holds the weights of its step
    if config.goal is None:
        return Outcome(run.position, None, held_out, notes)
    # From the state and not from this session, which may have had no evaluation.
    figures = run.best.figures if config.goal.keep else run.best.last
    return Outcome(run.position, None, figures, notes, run.best.step)


def _due(step: int, every: int, last: int) -> bool:
    return step == last or (every > 0 and step % every == 0)


def _record(log: RunLog, facts: StepFacts, position: Position) -> None:
    kind = "skipped" if position.bad else "train"
    values = {k: _plain(v) for k, v in asdict(facts).items() if k != "step"}
    if not facts.terms:
        del values["terms"]
    log.write(kind, facts.step, epoch=position.epoch, **values)


def _plain(value: Any) -> Any:
    """For JSON, which has no infinity: a figure that is not finite is written as its name."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


class Run:
    """The pieces that a step works on; `train` drives it, and a trial of the speed may."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        source: Source,
        config: LoopConfig,
        optimizer: Optimizer,
        schedule: Schedule,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        # A model that was opened is in evaluation mode, in which nothing would be dropped.
        self.model = model.train()
        self.objective, self.source, self.config = objective, source, config
        self.optimizer, self.schedule, self.device, self.dtype = optimizer, schedule, device, dtype
        self.position = Position()
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.average, self.best = Average(), Best()
        self._batches: Iterator[Batch] | None = None

    @property
    def ended(self) -> bool:
        """Whether the last step is done, or patience is at its end."""
        goal = self.config.goal
        return self.position.step >= self.config.steps or (
            goal is not None and self.best.tired(goal)
        )

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        own = {"average": self.average.state()} if self.config.average else {}
        if self.config.goal is not None:
            own["best"] = self.best.state()
        return {
            "model": trained_weights(self.model),
            "optimizer": self.optimizer.state(),
            "position": asdict(self.position),
            **own,
        }

    def resume(self, run_dir: Path) -> tuple[str, ...]:
        """Put the newest valid checkpoint back, if there is one."""
        found = latest_state(run_dir)
        if found is None:
            return ()
        state = load_state(found.path)
        put_weights(self.model, state["model"])
        self.optimizer.load(state["optimizer"])
        self.position = Position(**state["position"])
        if self.config.average:
            self.average.load(state["average"], self.model)
        if self.config.goal is not None:
            self.best.load(state["best"], self.model)
        return tuple(found.skipped)

    def next_batch(self) -> Batch:
        """The batch that the position names; moves the position on."""
        if self._batches is None:
            self._batches = self.source.epoch(self.position.epoch, self.position.batch)
        batch = next(self._batches, None)
        if batch is None:
            self.position.epoch, self.position.batch = self.position.epoch + 1, 0
            self._batches = self.source.epoch(self.position.epoch, 0)
            batch = next(self._batches)
        self.position.batch += 1
        return batch

    def step(self) -> StepFacts:
        """One update from `accumulate` batches, weighed by targets as one big batch would be."""
        begun = time.perf_counter()
        at = self.position
        progress = at.step / self.config.steps
        # Dropout draws from the global generator; seeding it from (seed, step) leaves no state.
        torch.manual_seed((self.config.seed << 32) + at.step)
        tasks = []
        for _ in range(self.config.accumulate):
            batch = self.next_batch()
            draws = Draws(self.config.seed, at.epoch)
            tasks.append(self.objective.corrupt(batch, draws, progress))
        found = self._gradients(tasks)
        loss, main = found.mean, found.main
        most = self.optimizer.clip * found.heaviest
        norm = float(nn.utils.clip_grad_norm_(self.trained, most))
        scale = self.schedule.scale(at.step, self.config.steps)
        if math.isfinite(loss) and math.isfinite(norm):
            self.optimizer.step(scale)
            at.bad = 0
        else:
            at.bad += 1
            at.skipped += 1
        self.optimizer.zero_grad()
        tokens = sum(task.batch.tokens for task in tasks)
        counts = added([*(task.counts for task in tasks), found.counts])
        at.step += 1
        at.tokens += tokens
        at.targets += main.targets
        at.counts = added((at.counts, counts))
        seconds = time.perf_counter() - begun
        at.seconds += seconds
        if at.step in self.config.points:
            self.average.take(self.model)
        lr = self.optimizer.peaks["adamw"] * scale
        return StepFacts(
            at.step, tokens, main.targets, loss, main.share, lr, norm, seconds, counts,
            found.facts(),
        )  # fmt: skip

    def _gradients(self, tasks: list[Asked]) -> StepTerms:
        """Gradients of the loss, each term of which is the mean over its targets in all tasks."""
        found = StepTerms.of(tasks)
        for task in tasks:
            with mixed(self.dtype, self.device):
                losses = self.objective.loss(self.model, task.to(self.device))
            found.add(losses).backward()  # type: ignore[no-untyped-call]
        return found

    def measure(self, evaluate: Evaluate, log: RunLog) -> dict[str, float]:
        """Held-out figures after this step, and, at the end, of the mean; logged and looked at."""
        at, config = self.position, self.config
        figures = self.evaluate(evaluate)
        log.write("held_out", at.step, tokens=at.tokens, **figures)
        if config.goal is not None:
            self.best.take(config.goal, at.step, figures, self.model)
        if config.average and at.step == config.steps:
            with self.average.given(self.model):
                figures = self.evaluate(evaluate)
            log.write("averaged", at.step, tokens=at.tokens, **figures)
        return figures

    def give_result(self) -> None:
        """Put the weights of the finished model into the model."""
        goal = self.config.goal
        if self.config.average:
            self.average.give(self.model)
        elif goal is not None and goal.keep and self.best.weights:
            self.best.give(self.model)

    def evaluate(self, evaluate: Evaluate) -> dict[str, float]:
        """Held-out figures, leaving the model as it was."""
        self.model.eval()
        with torch.inference_mode():
            figures = dict(evaluate(self.model))
        self.model.train()
        return figures

    def give_up(self, run_dir: Path, facts: StepFacts) -> None:
        """Back to the last good checkpoint, and an error that names the batch."""
        at = self.position
        first = max(0, at.batch - self.config.accumulate)
        batches = (
            f"batch {first}" if first == at.batch - 1 else f"batches {first} to {at.batch - 1}"
        )
        place = f"step {facts.step}, epoch {at.epoch}, {batches}"
        self.position, self.average, self.best = Position(), Average(), Best()
        self.resume(run_dir)
        back = (
            f"The model is back at step {self.position.step}"
            if self.position.step
            else "No checkpoint had been written yet"
        )
        raise NonFiniteLoss(
            f"the loss must be finite, but was not {STOP_AFTER_BAD} steps in a row, last at "
            f"{place} (loss {facts.loss}, gradient norm {facts.grad_norm}). {back}; begin anew in "
            "another --out with a lower --set optim.lr, or check the text of that batch"
        )
