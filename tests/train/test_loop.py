"""The loop: exact accumulation, nothing done on a bad step, learning what there is to learn."""

from __future__ import annotations

import copy
import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.toys import CLS, CPU, MASK, SEP, SPECIAL, VOCAB, Listed, objective, rows_of, run
from tests.train.toys import small_model as model_of
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.checkpoint.state import latest_state, load_state
from unmask.errors import ConfigError, NonFiniteLoss
from unmask.heads.model import LanguageModel
from unmask.objectives.mlm import MaskedLM, cloze_loss
from unmask.objectives.targets import Losses, Task
from unmask.train.log import read_log
from unmask.train.loop import LoopConfig, Run, StepFacts
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.schedule import Schedule


def step_once(model: LanguageModel, source: Listed, accumulate: int) -> tuple[StepFacts, Run]:
    config = LoopConfig(steps=10, accumulate=accumulate)
    optimizer = Optimizer(model, OptimConfig(clip=1e9))
    made = Run(model, objective(0.3), source, config, optimizer, Schedule(), CPU, torch.float32)
    return made.step(), made


def test_accumulated_batches_equal_one_batch() -> None:
    """Rows of unlike length, so that a mean of means would be something else."""
    rows = rows_of(4) + [[CLS, *range(5, 20), *range(5, 15), SEP]] * 4
    one, two = model_of(), model_of()
    whole, _ = step_once(one, Listed(rows, 8), accumulate=1)
    parts, _ = step_once(two, Listed(rows, 4), accumulate=2)
    assert whole.targets == parts.targets
    assert whole.loss == pytest.approx(parts.loss, rel=1e-6)
    assert whole.grad_norm == pytest.approx(parts.grad_norm, rel=1e-5)


def test_accumulated_gradients_equal_those_of_one_batch() -> None:
    rows = rows_of(4) + [[CLS, *range(5, 20), SEP]] * 4
    gradients = []
    for size in (8, 4, 1):
        model = model_of()
        tasks = [
            objective(0.3).corrupt(batch, Draws(0, 0)) for batch in Listed(rows, size).epoch(0)
        ]
        targets = sum(len(task.labels) for task in tasks)
        for task in tasks:
            (cloze_loss(model, task).total / targets).backward()
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    for other in gradients[1:]:
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-4, atol=1e-7)


class Poisoned(MaskedLM):
    """The loss is infinite at chosen samples."""

    bad: frozenset[int] = frozenset()

    def loss(self, model: LanguageModel, task: Task) -> Losses:
        losses = super().loss(model, task)
        if set(task.batch.samples.tolist()) & self.bad:  # type: ignore[union-attr]
            terms = losses.terms.items()
            return Losses({k: replace(v, total=v.total * math.inf) for k, v in terms})
        return losses


def poisoned(*samples: int) -> Poisoned:
    plain = objective(0.5)
    fields = {name: getattr(plain, name) for name in plain.__dataclass_fields__}
    made = Poisoned(**fields)
    object.__setattr__(made, "bad", frozenset(samples))
    return made


def test_a_bad_step_changes_nothing_and_is_counted(tmp_path: Path) -> None:
    model = model_of()
    made = Run(
        model, poisoned(0), Listed(rows_of(8), 4), LoopConfig(steps=9),
        Optimizer(model, OptimConfig()), Schedule(), CPU, torch.float32,
    )  # fmt: skip
    before = copy.deepcopy((model.state_dict(), made.optimizer.state()))
    made.step()
    assert made.position.skipped == made.position.bad == 1
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[0][name]), name
    assert str(made.optimizer.state()) == str(before[1])
    made.step()
    assert (made.position.skipped, made.position.bad) == (1, 0)
    assert any(not torch.equal(t, before[0][n]) for n, t in model.state_dict().items())


def test_three_bad_steps_stop_the_run_at_the_last_good_state(tmp_path: Path) -> None:
    model = model_of()
    with pytest.raises(NonFiniteLoss, match=r"step 8, epoch 0, batch 7 \(loss inf.*back at step 4"):
        run(model, Listed(rows_of(40), 4), tmp_path, 20, mlm=poisoned(20, 24, 28), save_every=4)
    found = latest_state(tmp_path)
    assert found is not None
    assert found.step == 4
    for name, tensor in load_state(found.path)["model"].items():
        assert torch.equal(model.state_dict()[name], tensor), name
    kinds = [record["kind"] for record in read_log(tmp_path / "log.jsonl")]
    assert kinds == ["train"] * 5 + ["skipped"] * 3


def test_only_selected_rows_reach_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    seen = []
    model.head.transform.register_forward_hook(lambda _m, args, _out: seen.append(len(args[0])))
    task = objective(0.15).corrupt(next(Listed(rows_of(60), 60).epoch(0)), Draws(0, 0))
    cloze_loss(model, task)
    assert seen == [-(-len(task.rows) // 64) * 64]
    assert seen[0] < task.batch.tokens / 2


class Stopping(Listed):
    """Sends a signal to its own process when the fifth batch is read."""

    def __init__(self, rows: list[list[int]], size: int, number: int) -> None:
        super().__init__(rows, size)
        self.number, self.read = number, 0

    def epoch(self, epoch: int, first: int = 0) -> Any:
        for batch in super().epoch(epoch, first):
            self.read += 1
            if self.read == 5:
                os.kill(os.getpid(), self.number)
            yield batch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_to_the_same_bits(tmp_path: Path, number: int) -> None:
    alone, stopped = model_of(), model_of()
    run(alone, Listed(rows_of(40), 4), tmp_path / "alone", 15)
    first = run(stopped, Stopping(rows_of(40), 4, number), tmp_path / "stopped", 15)
    assert first.stopped_by == number
    assert first.position.step == 5
    again = model_of(seed=9)  # whatever it starts from is replaced
    second = run(again, Listed(rows_of(40), 4), tmp_path / "stopped", 15)
    assert second.stopped_by is None
    assert second.position.sessions == 2
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    losses = [
        [r["loss"] for r in read_log(tmp_path / name / "log.jsonl")]
        for name in ("alone", "stopped")
    ]
    assert losses[0] == losses[1]


def test_resuming_inside_a_later_epoch(tmp_path: Path) -> None:
    """Ten batches an epoch, stopped in the third."""
    alone, resumed = model_of(), model_of()
    run(alone, Listed(rows_of(40), 4), tmp_path / "alone", 25)
    # The schedule depends on the number of steps, so the first session is cut by a signal.
    cut = Stopping(rows_of(40), 4, signal.SIGTERM)
    cut.read = -18
    run(resumed, cut, tmp_path / "cut", 25)
    run(resumed, Listed(rows_of(40), 4), tmp_path / "cut", 25)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def entropy_of_the_pairs() -> float:
    """A hidden half of a pair (a, a + 1) is known from the other half with certainty 3 to 1."""
    return -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))


def test_a_language_is_learnt_to_its_entropy(tmp_path: Path) -> None:
    """Two tokens a row: the second follows the first in three of four rows, else it is a fixed one.

    Asked for the second, the best possible loss is the entropy of that choice, 0.562 nats.
    """
    firsts = list(range(5, 13))
    rows = [[CLS, a, b, SEP] for a in firsts for b in (a + 8, a + 8, a + 8, 5)]

    class Second(MaskedLM):
        def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> Task:
            places = torch.arange(2, batch.tokens, 4)
            ids = batch.ids.clone()
            ids[places] = MASK
            hidden = Batch(ids, batch.positions, batch.boundaries, batch.lengths)
            return Task(hidden, places, batch.ids[places], {})

    plain = MaskedLM.over(VOCAB, SPECIAL, MASK)
    mlm = Second(**{name: getattr(plain, name) for name in plain.__dataclass_fields__})
    model = model_of()
    run(model, Listed(rows, len(rows)), tmp_path, 150, mlm=mlm, save_seconds=1e9)
    model.eval()
    task = mlm.corrupt(next(Listed(rows, len(rows)).epoch(0)), Draws(0, 0))
    with torch.inference_mode():
        loss = float(cloze_loss(model, task).total) / len(rows)
    floor = entropy_of_the_pairs()
    assert floor - 1e-4 <= loss <= floor + 0.1


@pytest.mark.parametrize("name", ["steps", "accumulate", "keep"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="must be at least 1"):
        LoopConfig(**{"steps": 1, name: 0})
