"""Muon over stacked matrices against PyTorch's own, which takes one at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from unmask.train.muon import Muon, orthogonal

SHAPES = ((24, 8), (8, 8), (8, 24), (24, 8), (8, 8), (8, 1), (24, 8))


def matrices() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def give_gradients(parameters: list[nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(100 + step)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def walk(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], steps: range) -> None:
    for step in steps:
        give_gradients(parameters, step)
        optimizer.step()


def test_equals_pytorch() -> None:
    """Over ten steps, to the rounding of its bf16 iteration; and the momenta exactly."""
    mine, theirs = matrices(), matrices()
    one = Muon(mine, 0.02, weight_decay=0.1)
    other = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    walk(one, mine, range(10))
    walk(other, theirs, range(10))
    for start, a, b in zip(matrices(), mine, theirs, strict=True):
        moved = float((b - start).detach().norm())
        assert moved > 0.1
        assert float((a - b).detach().norm()) < 0.02 * moved
        torch.testing.assert_close(
            one.state[a]["momentum_buffer"], other.state[b]["momentum_buffer"]
        )


def test_the_saved_state_is_that_of_pytorch() -> None:
    mine = matrices()
    one, other = Muon(mine, 0.02), torch.optim.Muon(mine, lr=0.02)
    walk(one, mine, range(2))
    state: dict[str, Any] = one.state_dict()["state"]
    other.load_state_dict({"state": state, "param_groups": other.state_dict()["param_groups"]})
    assert state.keys() == other.state_dict()["state"].keys() == set(range(len(SHAPES)))


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    whole, halves = matrices(), matrices()
    walk(Muon(whole, 0.02), whole, range(6))
    first = Muon(halves, 0.02)
    walk(first, halves, range(3))
    second = Muon(halves, 0.02)
    second.load_state_dict(first.state_dict())
    walk(second, halves, range(3, 6))
    for a, b in zip(whole, halves, strict=True):
        assert torch.equal(a, b)


def test_a_matrix_without_gradient_is_left_alone() -> None:
    parameters = matrices()
    optimizer = Muon(parameters, 0.02)
    give_gradients(parameters, 0)
    before = [p.detach().clone() for p in parameters]
    parameters[3].grad = None
    optimizer.step()
    assert torch.equal(parameters[3], before[3])
    assert parameters[3] not in optimizer.state
    assert not torch.equal(parameters[0], before[0])


def test_what_else_is_stacked_does_not_matter() -> None:
    """A matrix goes the same way alone as among others of its shape."""
    alone, among = matrices()[:1], matrices()
    for parameters in (alone, among):
        optimizer = Muon(parameters, 0.02)
        give_gradients(parameters, 0)
        optimizer.step()
    torch.testing.assert_close(alone[0], among[0], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 16, 16), (1, 48, 16), (4, 16, 48), (2, 1, 9)])
def test_orthogonal(shape: tuple[int, int, int]) -> None:
    """All singular values move to between 0.6 and 1.3, and the directions stay."""
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonal(stack).float()
    assert result.shape == shape
    for before, after in zip(stack, result, strict=True):
        u, values, vt = torch.linalg.svd(before, full_matrices=False)
        # Values below a hundredth of the norm need more than five iterations.
        seen = values > 0.03 * values.norm()
        rotated = u.T @ after @ vt.T
        assert bool(((rotated.diagonal() > 0.6) & (rotated.diagonal() < 1.3))[seen].all())
        assert float((rotated - rotated.diagonal().diag()).abs().max()) < 0.05


def test_orthogonal_of_nothing_is_nothing() -> None:
    assert not orthogonal(torch.zeros(2, 4, 6)).any()
