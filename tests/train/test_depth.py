"""Rates that fall with depth: which parameter has which, that steps follow, how they resume."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.train.test_optim import give_gradients, model_of
from tests.train.toys import Listed, rows_of, run, small_model
from unmask.arch.registry import ARCHS
from unmask.train.depth import layer_shares
from unmask.train.optim import OptimConfig, Optimizer


@pytest.mark.parametrize("arch", ["bert", "modernbert", "deberta_v2"])
def test_each_layer_has_a_share_of_the_one_above(arch: str) -> None:
    model = model_of(arch, classifier=True)
    shares = layer_shares(model, 0.5)
    every = {name: shares.get(name, 1.0) for name, _ in model.named_parameters()}
    for name, share in every.items():
        expected = next(
            value
            for part, value in (
                ("head.", 1.0), ("layers.1.", 0.5), ("final_norm", 0.5), ("layers.0.", 0.25),
                ("embedding.", 0.125), ("relative.", 0.125),
            )
            if part in name
        )  # fmt: skip
        assert share == expected, name


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_no_parameter_of_any_encoder_is_left_out(arch: str) -> None:
    model = model_of(arch)
    shares = layer_shares(model, 0.9)
    names = {name for name, _ in model.named_parameters() if name.startswith("encoder.")}
    assert shares.keys() == names
    assert all(0 < share <= 0.9 for share in shares.values())


def test_shared_layers_have_one_share() -> None:
    shares = layer_shares(model_of("albert"), 0.5)
    layers = {share for name, share in shares.items() if ".layers." in name}
    assert layers == {0.5}
    assert {shares[name] for name in shares if ".embedding." in name} == {0.25}


@pytest.mark.parametrize("muon_lr", [0.0, 0.02])
def test_a_step_is_as_long_as_the_share(muon_lr: float) -> None:
    """Without decay, both optimisers' first steps are as long as the rate, whatever the gradient:
    with the same gradients, halving the rate of a layer halves its step."""
    whole, falling = (model_of("modernbert", classifier=True) for _ in range(2))
    falling.load_state_dict(whole.state_dict())
    config = OptimConfig(lr=0.01, muon_lr=muon_lr, weight_decay=0.0)
    shares = layer_shares(falling, 0.5)
    before = {name: p.detach().clone() for name, p in whole.named_parameters()}
    for model, optimizer in (
        (whole, Optimizer(whole, config)),
        (falling, Optimizer(falling, config, shares)),
    ):
        give_gradients(model, 0)
        optimizer.step(0.5)
    for (name, one), other in zip(whole.named_parameters(), falling.parameters(), strict=True):
        step, own = one.detach() - before[name], other.detach() - before[name]
        torch.testing.assert_close(own, step * shares.get(name, 1.0), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("muon_lr", [0.0, 0.02])
def test_a_run_with_shares_resumes_to_the_same_bits(muon_lr: float, tmp_path: Path) -> None:
    rows = rows_of(40)
    optim = OptimConfig(muon_lr=muon_lr)
    alone, broken = small_model(), small_model()
    shares = layer_shares(alone, 0.7)
    plain = small_model()
    run(plain, Listed(rows, 4), tmp_path / "plain", 9, optim=optim)
    run(alone, Listed(rows, 4), tmp_path / "alone", 9, optim=optim, shares=shares)

    class Died(Exception):
        pass

    def die(model: nn.Module) -> dict[str, float]:
        raise Died

    with pytest.raises(Died):
        run(broken, Listed(rows, 4), tmp_path / "broken", 9, optim=optim, shares=shares,
            evaluate=die, eval_every=5, save_every=2)  # fmt: skip
    resumed = small_model(seed=3)
    run(resumed, Listed(rows, 4), tmp_path / "broken", 9, optim=optim, shares=shares)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert not all(
        torch.equal(one, other)
        for one, other in zip(alone.parameters(), plain.parameters(), strict=True)
    )
