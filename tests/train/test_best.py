"""The best weights and patience: by hand, in a run, and after kills at any step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.train.test_average import Dying, Killed, weights_after
from tests.train.toys import Listed, rows_of, run, small_model
from unmask.checkpoint.state import latest_state, load_state
from unmask.errors import ConfigError
from unmask.train.best import Best, Goal
from unmask.train.log import read_log
from unmask.train.weights import put_weights, trained_weights

ROWS = rows_of(40)
ACCURACY = Goal(figure="accuracy")


def looked(goal: Goal, *figures: dict[str, float]) -> Best:
    """After these evaluations, of a model whose weight is their number."""
    best, model = Best(), nn.Linear(1, 1, bias=False)
    for number, one in enumerate(figures, 1):
        nn.init.constant_(model.weight, float(number))
        best.take(goal, number, one, model)
    return best


def accuracies(*values: float) -> list[dict[str, float]]:
    return [{"accuracy": value} for value in values]


def test_the_first_of_the_highest_is_best_and_its_weights_are_kept() -> None:
    best = looked(ACCURACY, *accuracies(0.2, 0.7, 0.5, 0.7))
    assert (best.step, best.since) == (2, 2)
    assert best.weights["weight"].item() == 2.0
    assert (best.figures, best.last) == ({"accuracy": 0.7}, {"accuracy": 0.7})


def test_a_loss_should_be_low() -> None:
    best = looked(Goal(figure="loss"), *({"loss": value} for value in (0.5, 0.1, 0.3)))
    assert (best.step, best.figures) == (2, {"loss": 0.1})


def test_of_equal_figures_the_lower_loss_is_better_but_patience_goes_on() -> None:
    figures = [{"accuracy": 0.7, "loss": loss} for loss in (0.5, 0.3, 0.4)]
    best = looked(ACCURACY, *figures)
    assert (best.step, best.since) == (2, 2)
    assert best.weights["weight"].item() == 2.0


def test_a_figure_that_is_undefined_is_never_better() -> None:
    best = looked(ACCURACY, *accuracies(math.nan, 0.1, math.nan))
    assert (best.step, best.figures, best.last) == (2, {"accuracy": 0.1}, {})
    assert looked(ACCURACY, *accuracies(math.nan, math.nan)).step == 1


def test_patience_ends_after_so_many_and_not_before() -> None:
    goal = Goal(figure="accuracy", patience=2)
    assert not looked(goal, *accuracies(0.5, 0.4)).tired(goal)
    assert looked(goal, *accuracies(0.5, 0.4, 0.5)).tired(goal)
    assert not looked(goal, *accuracies(0.5, 0.4, 0.6, 0.5)).tired(goal)
    assert not looked(ACCURACY, *accuracies(0.5, *[0.4] * 20)).tired(ACCURACY)


class Scripted:
    """An evaluation whose accuracies are given, by the number of steps that the log has."""

    def __init__(self, accuracies: dict[int, float], folder: Path) -> None:
        self.accuracies, self.folder = accuracies, folder

    def __call__(self, model: nn.Module) -> dict[str, float]:
        steps = [r["step"] for r in read_log(self.folder / "log.jsonl") if r["kind"] == "train"]
        return {"accuracy": self.accuracies[steps[-1]]}


SCORES = {2: 0.3, 4: 0.8, 6: 0.6, 8: 0.7, 10: 0.8, 12: 0.1}


def test_the_model_ends_with_the_weights_of_the_best_step(tmp_path: Path) -> None:
    model = small_model()
    outcome = run(
        model, Listed(ROWS, 4), tmp_path, 12, evaluate=Scripted(SCORES, tmp_path), eval_every=2,
        save_every=1, keep=20, goal=ACCURACY,
    )  # fmt: skip
    assert (outcome.best_step, outcome.held_out) == (4, {"accuracy": 0.8})
    assert outcome.position.step == 12
    for name, tensor in weights_after(tmp_path, 4).items():
        assert torch.equal(model.state_dict()[name], tensor), name
    # The last state goes on from its own weights, and not from the best ones.
    last = weights_after(tmp_path, 12)
    assert any(not torch.equal(model.state_dict()[name], last[name]) for name in last)


def test_the_last_weights_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    model = small_model()
    outcome = run(
        model, Listed(ROWS, 4), tmp_path, 12, evaluate=Scripted(SCORES, tmp_path), eval_every=2,
        goal=Goal(figure="accuracy", keep=False),
    )  # fmt: skip
    assert (outcome.best_step, outcome.held_out) == (4, {"accuracy": 0.1})
    for name, tensor in weights_after(tmp_path, 12).items():
        assert torch.equal(model.state_dict()[name], tensor), name
    state = load_state(tmp_path / "checkpoints" / "step-00000012")
    assert state["best"]["weights"] == {}


@pytest.mark.parametrize("kills", [(3,), (4,), (7,), (6, 1), (5, 2), (8,)])
@pytest.mark.parametrize("save_every", [1, 4])
def test_kills_change_neither_the_choice_nor_the_end(
    tmp_path: Path, kills: tuple[int, ...], save_every: int
) -> None:
    goal = Goal(figure="accuracy", patience=2)

    def go(model: nn.Module, source: Any, name: str, **given: Any) -> Any:
        folder = tmp_path / name
        return run(model, source, folder, 12, evaluate=Scripted(SCORES, folder), eval_every=2,
                   goal=goal, keep=1, **given)  # fmt: skip

    alone = small_model()
    whole = go(alone, Listed(ROWS, 4), "alone")
    assert (whole.best_step, whole.position.step, whole.stopped_by) == (4, 8, None)
    for batches in kills:
        if batches < 8:
            with pytest.raises(Killed):
                go(small_model(), Dying(ROWS, 4, batches), "killed", save_every=save_every)
        else:  # behind the last save, before the model was written
            go(small_model(), Listed(ROWS, 4), "killed", save_every=save_every)
    fresh = latest_state(tmp_path / "killed") is None
    killed = small_model(0 if fresh else 5)
    again = go(killed, Listed(ROWS, 4), "killed", save_every=save_every)
    assert again.best_step == whole.best_step
    assert again.held_out == whole.held_out
    assert again.position.step == whole.position.step
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, killed.state_dict()[name]), name


def test_a_mean_and_a_best_are_not_asked_for_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="average=3 and accuracy"):
        run(small_model(), Listed(ROWS, 4), tmp_path, 12, average=3, goal=ACCURACY)


def test_a_state_holds_what_is_trained_and_nothing_else(tmp_path: Path) -> None:
    """What is frozen comes from the model that the run begins with."""
    model = small_model()
    model.encoder.embedding.requires_grad_(False)
    names = trained_weights(model).keys()
    assert names == {n for n in model.state_dict() if not n.startswith("encoder.embedding.")}
    run(model, Listed(ROWS, 4), tmp_path, 3, goal=ACCURACY, evaluate=lambda _: {"accuracy": 1.0})
    state = load_state(tmp_path / "checkpoints" / "step-00000003")
    assert state["model"].keys() == state["best"]["weights"].keys() == names
    other = small_model()
    other.encoder.embedding.requires_grad_(False)
    put_weights(other, state["model"])
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    with pytest.raises(RuntimeError, match=r"Missing key.*embedding"):
        put_weights(small_model(), state["model"])
