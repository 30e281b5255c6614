"""Low-rank adaptation: nothing at first, only thin matrices learn, merged it is the same model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.nn.models import encoder_of, random_batch
from unmask.arch.registry import ARCHS
from unmask.errors import ConfigError, ModelError
from unmask.nn.adapting import adapt, merge
from unmask.nn.encoder import Encoder
from unmask.nn.low_rank import LowRank
from unmask.nn.prepared import prepare

NAMES = tuple(name for name in ARCHS if name != "elmo")
ALL = ("qkv", "out", "up", "down")
BATCH = random_batch((9, 21, 4, 30))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def adapted(name: str, names: tuple[str, ...] = ALL, rank: int = 4, alpha: float = 8.0) -> Encoder:
    encoder = encoder_of(name, layers=2, width=64)
    adapt(encoder, rank, alpha, names, draws())  # type: ignore[arg-type]
    return encoder.eval()


def shake(encoder: Encoder) -> None:
    """As if the adapters had learnt something."""
    generator = draws(1)
    for module in encoder.modules():
        if isinstance(module, LowRank):
            nn.init.normal_(module.up, std=0.05, generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_at_first_and_merging_changes_nothing(name: str) -> None:
    plain = encoder_of(name, layers=2, width=64).eval()
    encoder = adapted(name)
    with torch.inference_mode():
        before = plain(BATCH)
        assert torch.equal(encoder(BATCH), before)
    shake(encoder)
    with torch.no_grad():
        learnt = encoder(BATCH)
        assert (learnt - before).abs().max() > 1e-2
        merge(encoder)
        # Sums of some hundred products in another order, through two layers.
        torch.testing.assert_close(encoder(BATCH), learnt, rtol=1e-6, atol=5e-6)
    assert encoder.state_dict().keys() == plain.state_dict().keys()
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_a_merged_layer_is_the_adapted_one_to_the_last_digits() -> None:
    encoder = adapted("bert")
    shake(encoder)
    layer = encoder.layers[0].mlp.up
    x = torch.randn(50, 64, generator=draws(2))
    with torch.no_grad():
        learnt = layer(x)
        merge(encoder)
        torch.testing.assert_close(layer(x), learnt, rtol=1e-6, atol=1e-6)


def test_only_thin_matrices_are_trained_and_all_of_them_are() -> None:
    encoder = adapted("modernbert")
    encoder(BATCH).square().sum().backward()  # the second matrices are zero, so the first stand
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert {name.rpartition(".")[2] for name in trained} == {"up", "down"}
    assert all(".adapter." in name for name in trained)
    assert len(trained) == 2 * 2 * len(ALL)
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is None) == (name not in trained), name
        if name.endswith("adapter.up"):
            assert parameter.grad is not None
            assert parameter.grad.abs().max() > 0, name


def test_the_scale_is_alpha_over_rank() -> None:
    one, two = adapted("bert", rank=4, alpha=4.0), adapted("bert", rank=4, alpha=12.0)
    assert two.layers[0].mlp.up.adapter.scale == 3 * one.layers[0].mlp.up.adapter.scale == 3.0


def test_the_linear_layers_are_those_named() -> None:
    encoder = adapted("bert", ("qkv", "down"))
    found = {name for name, m in encoder.named_modules() if isinstance(m, LowRank)}
    wanted = ("attention.qkv.adapter", "mlp.down.adapter")
    assert found == {f"layers.{number}.{name}" for number in (0, 1) for name in wanted}


def test_first_weights_are_a_function_of_the_generator() -> None:
    states = [adapted("bert").state_dict() for _ in range(2)]
    assert all(torch.equal(one, states[1][name]) for name, one in states[0].items())
    down = states[0]["layers.0.mlp.down.adapter.down"]
    assert down.std().item() == pytest.approx(down.shape[1] ** -0.5, rel=0.15)


def test_a_recurrent_encoder_and_a_rank_too_high_are_refused() -> None:
    with pytest.raises(ConfigError, match="this encoder is recurrent and has none"):
        adapt(encoder_of("elmo", layers=2, width=64), 4, 8.0, ALL, draws())  # type: ignore[arg-type]
    plain = encoder_of("bert", layers=2, width=64)
    rule = r"below the encoder's width, 64, .* not 64; lower --lora"
    with pytest.raises(ConfigError, match=rule):
        adapt(plain, 64, 8.0, ALL, draws())  # type: ignore[arg-type]
    assert all(parameter.requires_grad for parameter in plain.parameters())


def test_an_adapted_encoder_is_not_prepared() -> None:
    with pytest.raises(ModelError, match="take them into its weights before"):
        prepare(adapted("bert"), "fp32")
