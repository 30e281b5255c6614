"""Several batches before an update are one big batch: the same gradients reach the optimiser."""

from __future__ import annotations

import pytest
import torch

from tests.train.toys import CLS, CPU, SEP, Listed, objective, rows_of, small_model
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.schedule import Schedule


class Recorder(Optimizer):
    """Keeps the gradients of its first update."""

    def step(self, scale: float) -> None:
        self.seen = {
            id(p): p.grad.clone()
            for part in self.parts.values()
            for group in part.param_groups
            for p in group["params"]
            if p.grad is not None
        }


def gradients(rows: list[list[int]], accumulate: int, clip: float) -> dict[str, torch.Tensor]:
    """What reaches the optimiser when the loop reads all rows in that many batches."""
    model = small_model()
    optimizer = Recorder(model, OptimConfig(clip=clip))
    Run(
        model,
        objective(0.3),
        Listed(rows, len(rows) // accumulate),
        LoopConfig(steps=10, accumulate=accumulate),
        optimizer,
        Schedule(),
        CPU,
        torch.float32,
    ).step()
    return {name: optimizer.seen[id(p)] for name, p in model.named_parameters()}


@pytest.mark.parametrize("clip", [1e9, 0.1], ids=["free", "clipped"])
def test_accumulated_gradients_equal_those_of_one_batch(clip: float) -> None:
    """The rows of the second half are longer, so a mean of the batches' means would be wrong."""
    rows = rows_of(6) + [[CLS, *range(5, 20), *range(5, 15), SEP]] * 6
    whole = gradients(rows, 1, clip)
    for parts in (2, 4, 12):
        for name, gradient in gradients(rows, parts, clip).items():
            torch.testing.assert_close(gradient, whole[name], rtol=1e-5, atol=1e-6, msg=name)
