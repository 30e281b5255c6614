"""Which optimiser moves which parameter, what decays, and that a saved state is whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from unmask.arch.registry import arch_of, sized_config
from unmask.checkpoint.state import load_state, save_state
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.train.optim import OptimConfig, Optimizer, parameter_groups

SIZE = {"vocab_size": 40, "context": 16, "pad_token_id": 0}


def model_of(arch: str, *, classifier: bool = False) -> nn.Module:
    declared, config = arch_of(arch), sized_config(arch, "2x64", **SIZE)
    if classifier:
        head = declared.sequence_head(config, ("a", "b", "c"))
        return SequenceClassifier(declared.encoder(config), head)
    return LanguageModel(declared.encoder(config), declared.lm_head(config))


def names_of(model: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    wanted = {id(p) for p in parameters}
    return {name for name, p in model.named_parameters() if id(p) in wanted}


@pytest.mark.parametrize("classifier", [False, True])
@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_groups(arch: str, classifier: bool) -> None:
    """Every parameter is in one group; tables, last layers and vectors are never Muon's."""
    model = model_of(arch, classifier=classifier)
    groups = [names_of(model, group) for group in parameter_groups(model)]
    matrices, tables, vectors = groups
    assert sum(map(len, groups)) == len(set().union(*groups)) == len([*model.parameters()])
    assert all(model.get_parameter(name).dim() == 1 for name in vectors)
    expected = {"encoder.embedding.tokens.weight"}
    if arch == "bert":
        expected |= {f"encoder.embedding.{t}.weight" for t in ("positions", "segments")}
    if classifier:
        expected.add("head.project.weight")
    assert tables == expected
    assert all("norm" not in name and "embedding" not in name for name in matrices)


def test_a_frozen_parameter_is_in_no_group() -> None:
    model = model_of("bert", classifier=True)
    for parameter in model.get_submodule("encoder").parameters():
        parameter.requires_grad = False
    names = set().union(*(names_of(model, group) for group in parameter_groups(model)))
    assert names == {name for name, _ in model.named_parameters() if name.startswith("head.")}


@pytest.mark.parametrize("muon_lr", [0.0, 0.02])
@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_norms_biases_and_tables_never_decay(arch: str, muon_lr: float) -> None:
    """With gradients of zero, decay is all that moves a parameter: it moves the matrices alone."""
    model = model_of(arch)
    optimizer = Optimizer(model, OptimConfig(muon_lr=muon_lr, weight_decay=0.5))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(1.0)
    matrices = names_of(model, parameter_groups(model)[0])
    rate = muon_lr or OptimConfig().lr
    for name, parameter in model.named_parameters():
        expected = before[name] * (1 - 0.5 * rate) if name in matrices else before[name]
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(("muon_lr", "parts"), [(0.0, {"adamw"}), (0.02, {"adamw", "muon"})])
def test_parts(muon_lr: float, parts: set[str]) -> None:
    model = model_of("modernbert")
    optimizer = Optimizer(model, OptimConfig(muon_lr=muon_lr))
    assert optimizer.parts.keys() == parts
    held = [p for part in optimizer.parts.values() for g in part.param_groups for p in g["params"]]
    assert len(held) == len({id(p) for p in held}) == len([*model.parameters()])


def give_gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_the_scale_reaches_every_part() -> None:
    model = model_of("modernbert")
    optimizer = Optimizer(model, OptimConfig(lr=0.01, muon_lr=0.2))
    give_gradients(model, 0)
    optimizer.step(0.25)
    rates = {
        name: {group["lr"] for group in part.param_groups} for name, part in optimizer.parts.items()
    }
    assert rates == {"adamw": {0.0025}, "muon": {0.05}}


def test_zero_grad_forgets() -> None:
    model = model_of("modernbert")
    optimizer = Optimizer(model, OptimConfig())
    give_gradients(model, 0)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("muon_lr", [0.0, 0.02])
def test_a_saved_state_goes_on_to_the_same_bits(muon_lr: float, tmp_path: Any) -> None:
    """Through the files that a run writes: all that the next step depends on is in them."""
    config = OptimConfig(muon_lr=muon_lr)
    whole, halved, resumed = (model_of("modernbert") for _ in range(3))
    halved.load_state_dict(whole.state_dict())
    one, two = Optimizer(whole, config), Optimizer(halved, config)
    for seed in range(6):
        give_gradients(whole, seed)
        one.step(0.5)
    for seed in range(3):
        give_gradients(halved, seed)
        two.step(0.5)
    path = save_state(
        tmp_path, 3, {"model": dict(halved.state_dict()), "optimizer": two.state()}, keep=1
    )
    tree = load_state(path)
    resumed.load_state_dict(tree["model"])
    three = Optimizer(resumed, config)
    three.load(tree["optimizer"])
    for seed in range(3, 6):
        give_gradients(resumed, seed)
        three.step(0.5)
    for (name, a), b in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize(
    "bad", [{"lr": 0.0}, {"muon_lr": -0.1}, {"clip": 0.0}, {"weight_decay": -1.0}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(bad.values())))):
        OptimConfig(**bad)
