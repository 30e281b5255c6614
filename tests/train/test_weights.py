"""Weights between those a model began with and those it was trained to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unmask.train.weights import Beginning, restored


def linear(value: float) -> nn.Linear:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, -value)
    return layer


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_mean_has_the_share_of_the_beginning(share: float) -> None:
    layer = linear(1.0)
    beginning = Beginning.of(layer, share)
    nn.init.constant_(layer.weight, 5.0)
    beginning.mix(layer)
    assert torch.allclose(layer.weight, torch.full((2, 3), 5.0 - 4.0 * share))
    assert torch.equal(layer.bias, torch.full((2,), -1.0))


def test_the_mean_is_there_within_a_block_only() -> None:
    layer = linear(1.0)
    beginning = Beginning.of(layer, 0.5)
    nn.init.constant_(layer.weight, 2.0)
    with beginning.mixed(layer):
        assert torch.equal(layer.weight, torch.full((2, 3), 1.5))
    assert torch.equal(layer.weight, torch.full((2, 3), 2.0))


def test_of_a_share_of_nothing_nothing_is_held() -> None:
    layer = linear(1.0)
    beginning = Beginning.of(layer, 0.0)
    assert not beginning.weights
    with beginning.mixed(layer):
        assert torch.equal(layer.weight, torch.ones(2, 3))


def test_weights_come_back_behind_an_error() -> None:
    layer = linear(1.0)

    def spoilt() -> None:
        with restored(layer):
            nn.init.zeros_(layer.weight)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        spoilt()
    assert torch.equal(layer.weight, torch.ones(2, 3))
