"""Terms of a loss: each is the mean over its own targets in all batches of a step."""

from __future__ import annotations

import pytest
import torch

from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.objectives.targets import Loss, Losses
from unmask.train.terms import StepTerms


class Both:
    """A task of two terms."""

    def __init__(self, tokens: int, pairs: int) -> None:
        self.targets = {"tokens": tokens, "pairs": pairs}
        self.batch = pack([[1]])
        self.counts: dict[str, int] = {}

    def to(self, device: torch.device) -> Both:
        return self

    def losses(self, w: torch.Tensor, weight: float) -> Losses:
        first, second = self.targets.values()
        return Losses(
            {
                "tokens": Loss(w[0] * first, first, torch.tensor(1)),
                "pairs": Loss(w[1] * second, second, torch.tensor(0), weight),
            },
            {"replaced": torch.tensor(2)},
        )


def test_each_term_is_divided_by_its_own_targets() -> None:
    tasks = [Both(6, 1), Both(2, 3)]
    assert isinstance(tasks[0].batch, Batch)
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    found = StepTerms.of(tasks)
    for task in tasks:
        found.add(task.losses(w, 50.0)).backward()  # type: ignore[no-untyped-call]
    # However the targets fall into batches: the mean of the first, and 50 times that of the second.
    assert w.grad is not None
    assert w.grad.tolist() == pytest.approx([1.0, 50.0])
    assert found.mean == pytest.approx(2.0 + 50 * 3.0)
    assert found.main.targets == 8
    assert found.main.share == pytest.approx(2 / 8)
    assert found.counts == {"replaced": 4}
    assert found.facts()["pairs"] == {"targets": 4, "loss": 3.0, "accuracy": 0.0}


def test_a_single_term_is_not_told_apart() -> None:
    found = StepTerms.of([])
    assert found.facts() == {}
    assert found.heaviest == 1.0


@pytest.mark.parametrize(("weight", "heaviest"), [(50.0, 50.0), (0.1, 1.0), (1.0, 1.0)])
def test_a_heavy_term_makes_a_long_gradient(weight: float, heaviest: float) -> None:
    """Which is no reason to cut it, and the others' with it, down to the length of a light one."""
    task = Both(4, 2)
    found = StepTerms.of([task])
    found.add(task.losses(torch.ones(2, requires_grad=True), weight))
    assert found.heaviest == heaviest


def test_a_term_without_targets_is_zero() -> None:
    task = Both(4, 0)
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    found = StepTerms.of([task])
    found.add(task.losses(w, 1.0)).backward()  # type: ignore[no-untyped-call]
    assert found.mean == pytest.approx(2.0)
    assert w.grad is not None
    assert w.grad.tolist() == pytest.approx([1.0, 0.0])
