"""What is predicted beside each row, the loss of it beside two oracles, and that it is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn.models import language_model, random_rows, shaken
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS
from tests.train.toys import CPU, Listed, run
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.objectives.neighbours import NeighbourLM
from unmask.objectives.targets import Loss, Task
from unmask.train.loop import LoopConfig, Run, StepFacts, train
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.schedule import Schedule

PREDICTS = {"decoder": (1,), "elmo": (1, -1)}
ARCHS = sorted(PREDICTS)


def task_of(rows: Sequence[Sequence[int]], predicts: tuple[int, ...]) -> Task:
    return NeighbourLM(predicts).corrupt(pack(rows), Draws(0, 0))


def loss_of(model: LanguageModel, rows: Sequence[Sequence[int]]) -> Loss:
    predicts = model.head_config.predicts
    (loss,) = NeighbourLM(predicts).loss(model, task_of(rows, predicts)).terms.values()
    return loss


def model_of(arch: str) -> LanguageModel:
    """A shaken model with 61 tokens; in evaluation mode, so that nothing is dropped."""
    model = shaken(language_model(arch))
    assert isinstance(model, LanguageModel)
    return model.eval()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9), min_size=1, max_size=6),
    predicts=st.sampled_from([(1,), (1, -1), (-1,), (2, -1)]),
)
def test_the_targets_are_the_neighbours_within_each_row(
    rows: list[list[int]], predicts: tuple[int, ...]
) -> None:
    expected = {}
    first = 0
    for row in rows:
        for here in range(len(row)):
            for part, way in enumerate(predicts):
                if 0 <= here + way < len(row):
                    expected[first + here, part] = row[here + way]
        first += len(row)
    task = task_of(rows, predicts)
    assert task.batch.ids.tolist() == [token for row in rows for token in row]
    assert task.places is not None
    found = {}
    for place, label in zip(task.places.tolist(), task.labels.tolist(), strict=True):
        index, part = divmod(place, len(predicts))
        found[int(task.rows[index]), part] = label
    assert found == expected
    assert len(task.labels) == len(expected)
    assert set(task.rows.tolist()) == {row for row, _ in expected}  # no row is scored for nothing


def test_a_row_by_itself_has_nothing_to_predict() -> None:
    for arch in ARCHS:
        model = model_of(arch)
        loss = loss_of(model, [[5], [6]])
        loss.total.backward()
        assert (loss.total.item(), loss.targets, int(loss.hits)) == (0.0, 0, 0)
        assert all(not p.grad.any() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("predicts", [(), (0,), (0, 1)])
def test_what_is_seen_is_not_predicted(predicts: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="only neighbours can be predicted"):
        NeighbourLM(predicts)


@pytest.mark.parametrize("row", [r for r in ROWS if r.arch == "decoder"], ids=lambda r: r.variant)
def test_the_loss_is_that_of_transformers(row: object, tmp_path: Path) -> None:
    pair = Pair(row, "lm", tmp_path / "theirs")  # type: ignore[arg-type]
    rows = pair.inputs.ids
    total = hits = 0.0
    for ids in (torch.tensor([ids]) for ids in rows if len(ids) > 1):
        out = pair.theirs(input_ids=ids, labels=ids)
        total += out.loss.item() * (ids.shape[1] - 1)
        hits += int((out.logits[0, :-1].argmax(1) == ids[0, 1:]).sum())
    ours = loss_of(pair.opened.model.eval(), rows)
    assert ours.targets == sum(len(ids) - 1 for ids in rows)
    assert ours.total.item() == pytest.approx(total, rel=1e-5)
    assert int(ours.hits) == hits


@pytest.mark.parametrize("row", [r for r in ROWS if r.arch == "elmo"], ids=lambda r: r.variant)
def test_the_loss_is_that_of_lstms_text_by_text(row: object, tmp_path: Path) -> None:
    pair = Pair(row, "lm", tmp_path / "theirs")  # type: ignore[arg-type]
    padded = pair.padded("right")
    inputs = {name: padded[name] for name in ("input_ids", "attention_mask")}
    theirs = pair.theirs(**inputs, labels=inputs["input_ids"]).loss
    ours = loss_of(pair.opened.model.eval(), pair.inputs.ids)
    assert ours.targets == 2 * sum(len(ids) - 1 for ids in pair.inputs.ids)
    assert ours.total.item() / ours.targets == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_no_prediction_crosses_a_boundary(arch: str) -> None:
    model = model_of(arch)
    first, second = random_rows((9, 6))
    alone = loss_of(model, [first]).total.item()
    for token in (second[0], (second[0] + 1) % 61, (second[0] + 30) % 61):
        changed = [token, *second[1:]]
        both = loss_of(model, [first, changed]).total - loss_of(model, [changed]).total
        assert both.item() == pytest.approx(alone, rel=1e-5)
        around = loss_of(model, [changed, first]).total - loss_of(model, [changed]).total
        assert around.item() == pytest.approx(alone, rel=1e-5)


class Recorder(Optimizer):
    """Keeps the gradients of its first update."""

    def step(self, scale: float) -> None:
        self.seen = [p.grad.clone() for p in self.model_parameters if p.grad is not None]


def gradients(
    arch: str, rows: list[list[int]], accumulate: int
) -> tuple[list[torch.Tensor], StepFacts]:
    model = shaken(language_model(arch))
    optimizer = Recorder(model, OptimConfig(clip=1e9))
    optimizer.model_parameters = list(model.parameters())
    source = Listed(rows, len(rows) // accumulate)
    loop = LoopConfig(steps=10, accumulate=accumulate)
    objective = NeighbourLM(PREDICTS[arch])
    facts = Run(model, objective, source, loop, optimizer, Schedule(), CPU, torch.float32).step()
    return optimizer.seen, facts


@pytest.mark.parametrize("arch", ARCHS)
def test_accumulated_gradients_equal_those_of_one_batch(arch: str) -> None:
    """Lengths differ, so a mean of the batches' means would be wrong."""
    rows = random_rows((4, 5, 3, 20, 30, 25))
    whole, facts = gradients(arch, rows, 1)
    for parts in (2, 6):
        some, other = gradients(arch, rows, parts)
        assert (other.targets, other.accuracy) == (facts.targets, facts.accuracy)
        assert other.loss == pytest.approx(facts.loss, rel=1e-5)
        for ours, theirs in zip(some, whole, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def drawn(arch: str) -> LanguageModel:
    """A small model with drawn weights."""
    model = language_model(arch, vocab=16, size="1x64")
    initialise(model, 0.1, 1, torch.Generator().manual_seed(0))
    return model


def cycle(first: int, length: int) -> list[int]:
    """Part of 5, 6, ... 15, 5, 6, ..."""
    return [5 + (first + step) % 11 for step in range(length)]


# Two languages in which each neighbour is certain: a cycle, entered and left anywhere, and texts of
# known beginning and end. What is read afterwards are, of the first, parts that were not seen.
CYCLE = [cycle(first, 4 + first) for first in range(11)], [cycle(3, 22), cycle(8, 5)]
ENDS = [[2, *range(5, 16), 3]] * 11, [[2, *range(5, 16), 3]]


@pytest.mark.parametrize("language", [CYCLE, ENDS], ids=["cycle", "ends"])
@pytest.mark.parametrize("arch", ARCHS)
def test_a_certain_language_is_learnt(
    arch: str, language: tuple[list[list[int]], list[list[int]]], tmp_path: Path
) -> None:
    seen, unseen = language
    model, optim = drawn(arch), OptimConfig(lr=0.02)
    assert loss_of(model, unseen).total.item() > 2 * loss_of(model, unseen).targets
    run(model, Listed(seen, 11), tmp_path, 60, mlm=NeighbourLM(PREDICTS[arch]), optim=optim)
    loss = loss_of(model.eval(), unseen)
    assert loss.total.item() / loss.targets < 0.05
    assert int(loss.hits) == loss.targets


class Killed(Exception):
    """The run ends here, as if the machine had stopped."""


@pytest.mark.parametrize("arch", ARCHS)
def test_a_killed_run_ends_with_the_same_bits(arch: str, tmp_path: Path) -> None:
    rows = random_rows((3, 12, 7, 9, 4, 15, 8, 2, 11), vocab=16)

    def go(folder: Path, stop: int | None = None) -> dict[str, torch.Tensor]:
        def watch(facts: StepFacts, position: object) -> None:
            if facts.step == stop:
                raise Killed

        model = drawn(arch)
        loop = LoopConfig(steps=12, accumulate=2, save_every=3)
        pieces = (model, NeighbourLM(PREDICTS[arch]), Listed(rows, 2), loop)
        train(
            *pieces,
            optim=OptimConfig(),
            schedule=Schedule(),
            run_dir=folder,
            device=CPU,
            dtype=torch.float32,
            watch=watch,
        )
        return model.state_dict()

    whole = go(tmp_path / "whole")
    for stop in (5, 10):
        with pytest.raises(Killed):
            go(tmp_path / "killed", stop)
    resumed = go(tmp_path / "killed")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
