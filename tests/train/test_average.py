"""The mean over the last points: by hand, beside what is logged, and after kills at any step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.toys import Listed, rows_of, run, small_model
from unmask.checkpoint.state import latest_state, load_state
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.train.average import Points
from unmask.train.log import read_log

ROWS = rows_of(40)


class Killed(BaseException):
    pass


class Dying(Listed):
    """Dies when so many batches have been read."""

    def __init__(self, rows: list[list[int]], size: int, batches: int) -> None:
        super().__init__(rows, size)
        self.left = batches

    def epoch(self, epoch: int, first: int = 0) -> Any:
        for batch in super().epoch(epoch, first):
            self.left -= 1
            if self.left < 0:
                raise Killed
            yield batch


def weights_after(folder: Path, step: int) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_state(folder / f"checkpoints/step-{step:08d}")["model"]
    return state


def test_it_is_the_mean_of_the_points_and_the_states_keep_the_weights_of_their_step(
    tmp_path: Path,
) -> None:
    alone, averaged = small_model(), small_model()
    run(alone, Listed(ROWS, 4), tmp_path / "alone", 14, save_every=1, keep=20)
    run(averaged, Listed(ROWS, 4), tmp_path / "mean", 14, save_every=1, keep=20,
        average=4, average_every=3)  # fmt: skip
    points = [weights_after(tmp_path / "alone", step) for step in (5, 8, 11, 14)]
    for name, parameter in averaged.named_parameters():
        mean = torch.stack([point[name].double() for point in points]).mean(0)
        torch.testing.assert_close(parameter.double(), mean, rtol=1e-6, atol=1e-7)
        assert not torch.equal(parameter, points[-1][name])
    for name, last in weights_after(tmp_path / "mean", 14).items():
        assert torch.equal(last, points[-1][name])


@pytest.mark.parametrize("kills", [(3,), (7,), (9, 2), (6, 6, 1), (13,)])
@pytest.mark.parametrize("save_every", [1, 4])
def test_kills_before_between_and_on_the_points_change_no_bit(
    tmp_path: Path, kills: tuple[int, ...], save_every: int
) -> None:
    alone, killed = small_model(), small_model(seed=5)
    asked = {"average": 3, "average_every": 3, "keep": 1}
    run(alone, Listed(ROWS, 4), tmp_path / "alone", 14, **asked)
    for batches in kills:
        with pytest.raises(Killed):
            run(small_model(), Dying(ROWS, 4, batches), tmp_path / "killed", 14,
                save_every=save_every, **asked)  # fmt: skip
    if latest_state(tmp_path / "killed") is None:  # nothing was saved: it begins anew
        killed = small_model()
    run(killed, Listed(ROWS, 4), tmp_path / "killed", 14, save_every=save_every, **asked)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, killed.state_dict()[name]), name


def test_a_kill_behind_the_last_save_gives_the_mean_once_and_logs_it_once(tmp_path: Path) -> None:
    def length(model: LanguageModel) -> dict[str, float]:
        return {"length": sum(float(p.detach().square().sum()) for p in model.parameters())}

    asked = {"average": 3, "average_every": 3, "evaluate": length}
    models = small_model(), small_model(seed=4)
    outcome = run(models[0], Listed(ROWS, 4), tmp_path, 14, **asked)
    run(models[1], Listed(ROWS, 4), tmp_path, 14, **asked)
    for name, tensor in models[0].state_dict().items():
        assert torch.equal(tensor, models[1].state_dict()[name]), name
    figures = {r["kind"]: r["length"] for r in read_log(tmp_path / "log.jsonl") if "length" in r}
    kinds = [record["kind"] for record in read_log(tmp_path / "log.jsonl")]
    assert kinds[-2:] == ["held_out", "averaged"]
    assert kinds.count("averaged") == 1
    assert figures["averaged"] == outcome.held_out["length"] == length(models[0])["length"]
    assert figures["held_out"] != figures["averaged"]


def test_points_are_evenly_spaced_and_end_with_the_run() -> None:
    assert [step for step in range(30) if step in Points(4, 5, 21)] == [6, 11, 16, 21]
    assert not any(step in Points(0, 5, 21) for step in range(30))


@pytest.mark.parametrize(
    ("number", "every", "last", "rule"),
    [
        (1, 1, 9, "at least 2 points, .* not of 1, 1 apart; give run.average=5"),
        (3, 0, 9, "at least 1 step apart"),
        (4, 5, 15, "at least 16 steps"),
    ],
)
def test_what_cannot_be_is_refused(number: int, every: int, last: int, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        Points(number, every, last)
