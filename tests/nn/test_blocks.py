"""The small blocks that layers are made of, each against its formula."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tests.nn.models import ARCHITECTURES, encoder_of, random_batch, settings_of
from unmask.errors import ConfigError
from unmask.nn import kernels
from unmask.nn.config import Activation, Bucketed, LayerConfig, MlpConfig, NormConfig
from unmask.nn.encoder import Encoder
from unmask.nn.flops import forward_flops, lm_head_flops, matrix_parameters
from unmask.nn.init import initialise
from unmask.nn.linear import GatedLinear, Linear
from unmask.nn.mlp import Mlp
from unmask.nn.norm import RMSNorm, build_norm
from unmask.nn.position import rotate, rotation

X = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


def test_rms_norm() -> None:
    norm = RMSNorm(8, eps=1e-3)
    nn.init.uniform_(norm.weight)
    expected = X / (X.square().mean(-1, keepdim=True) + 1e-3).sqrt() * norm.weight
    torch.testing.assert_close(norm(X), expected)


def test_rms_norm_computes_in_float32() -> None:
    """Of bf16 input: the result is the float32 one, rounded once."""
    norm, x = RMSNorm(8, eps=1e-5), (100 * X).bfloat16()
    nn.init.uniform_(norm.weight)
    assert torch.equal(norm(x), norm(x.float()).bfloat16())


def test_build_norm() -> None:
    layer = build_norm(8, NormConfig(eps=0.1, bias=False))
    assert isinstance(layer, nn.LayerNorm)
    assert (layer.eps, layer.bias) == (0.1, None)
    assert isinstance(build_norm(8, NormConfig(kind="rms")), RMSNorm)
    assert build_norm(8, None)(X) is X


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("gelu", lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2),
        (
            "gelu_tanh",
            lambda x: x / 2 * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3))),
        ),
        ("relu", lambda x: x.clamp(min=0)),
        ("silu", lambda x: x / (1 + torch.exp(-x))),
        ("tanh", torch.tanh),
    ],
)
@pytest.mark.parametrize("gated", [False, True])
def test_mlp(name: Activation, function: nn.Module, gated: bool) -> None:
    mlp = Mlp(8, MlpConfig(hidden=6, activation=name, gated=gated))
    assert isinstance(mlp.up, GatedLinear if gated else Linear)
    up = X @ mlp.up.weight.T + mlp.up.bias
    hidden = function(up[:, :6]) * up[:, 6:] if gated else function(up)
    onto = torch.randn(len(X), 8)
    expected = onto + hidden @ mlp.down.weight.T + mlp.down.bias
    torch.testing.assert_close(mlp(X, onto), expected, rtol=1e-4, atol=1e-5)


def test_rotation_depends_on_the_distance_alone() -> None:
    """The product of a query and a key is the same wherever the pair stands."""
    q, k = torch.randn(2, 1, 1, 16, dtype=torch.float64)

    def product(at_q: int, at_k: int) -> float:
        table = rotation(torch.tensor([at_q, at_k]), 16, 100.0)
        turned = rotate(torch.cat((q, k)), table).flatten(1)
        return float(turned[0] @ turned[1])

    assert product(7, 3) == pytest.approx(product(104, 100), rel=1e-5)
    assert product(7, 3) != pytest.approx(product(3, 7), rel=1e-2)
    assert product(5, 5) == pytest.approx(float(q.flatten() @ k.flatten()), rel=1e-6)


def test_rotation_turns_pairs_by_their_own_angle() -> None:
    """Pair i, i + 4 of a head of 8 at position p turns by p / base^(i / 4)."""
    x = torch.zeros(1, 1, 8)
    for pair in range(4):
        x[..., pair] = 1.0
    turned = rotate(x, rotation(torch.tensor([3]), 8, 81.0)).flatten()
    for pair in range(4):
        angle = 3 / 81.0 ** (pair / 4)
        assert turned[pair] == pytest.approx(math.cos(angle), abs=1e-6)
        assert turned[pair + 4] == pytest.approx(math.sin(angle), abs=1e-6)


def test_rotation_gradient() -> None:
    table = rotation(torch.arange(3), 4, 10.0)
    x = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, table), (x,))


def test_rotation_in_bf16_is_as_exact_as_bf16() -> None:
    """Three roundings: of the table, of a product and of the sum."""
    x = torch.randn(200, 4, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    table = rotation(torch.arange(200), 16, 1e4)
    error = (rotate(x, table).float() - rotate(x.float(), table)).abs()
    pair = (x.float() ** 2 + x.float().roll(8, -1) ** 2).sqrt()
    assert rotate(x, table).dtype == torch.bfloat16
    assert bool((error <= 3 * 2**-8 * pair).all())


def test_norm_slots_make_a_layer_pre_or_post_norm() -> None:
    """With attention and feed-forward silenced, what is left is the residual and its norms."""
    batch = random_batch((6,))
    for name in ("bert", "modernbert"):
        model = encoder_of(name, layers=1)
        layer = model.layers[0]
        for silent in (layer.attention.out, layer.mlp.down):
            for parameter in silent.parameters():
                parameter.data.zero_()
        embedded = model.embedding(batch)
        expected = embedded
        if name == "bert":
            expected = layer.after_mlp(layer.after_attention(embedded))
        torch.testing.assert_close(model(batch), model.final_norm(expected))


def test_layers_may_share_weights() -> None:
    """`weights_of` says which: four layers of two parameter sets equal four layers of copies."""
    config = settings_of("modernbert")
    shared = Encoder(replace(config, weights_of=(0, 1, 0, 1), layers=(config.layers[1],) * 4))
    assert len(shared.layers) == 2
    copied = Encoder(replace(config, layers=(config.layers[1],) * 4))
    state = shared.state_dict()
    for index in range(4):
        copied.layers[index].load_state_dict(shared.layers[index % 2].state_dict())
    copied.load_state_dict(
        {key: value for key, value in state.items() if not key.startswith("layers.")}, strict=False
    )
    batch = random_batch((9, 4))
    assert torch.equal(shared(batch), copied(batch))


def test_a_batch_without_segments_is_of_segment_0() -> None:
    model, batch = encoder_of("bert"), random_batch((5, 3))
    zeros = replace(batch, segments=torch.zeros_like(batch.ids))
    ones = replace(batch, segments=torch.ones_like(batch.ids))
    assert torch.equal(model(batch), model(zeros))
    assert not torch.equal(model(batch), model(ones))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_flops_are_those_of_the_matrix_products(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by PyTorch in a forward pass that computes every score by matrix products."""
    monkeypatch.setattr(kernels, "choose_kernel", lambda *_, **__: "reference")
    lengths = (64, 64, 64)
    config = settings_of(name)
    everywhere = tuple(
        replace(c, attention=replace(c.attention, window=None)) if isinstance(c, LayerConfig) else c
        for c in config.layers
    )
    model = Encoder(replace(config, layers=everywhere)).requires_grad_(False)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(random_batch(lengths))
    counted = counter.get_total_flops()
    assert counted == forward_flops(model.config, lengths)
    # A window of 3 leaves 7 keys of 64 to each query.
    windowed = sum(attention.window is not None for attention in config.attentions)
    saved = windowed * 4 * 128 * 192 * (64 - 7)
    assert forward_flops(config, lengths) == counted - saved


def test_matrix_parameters() -> None:
    model = encoder_of("modernbert")
    layers = sum(p.numel() for p in model.layers.parameters() if p.dim() == 2)
    assert matrix_parameters(model.config) == layers
    assert lm_head_flops(model.config, 10) == 2 * 10 * (128 * 128 + 128 * 61)


def test_initialise() -> None:
    model = Encoder(settings_of("bert"))
    initialise(model, 0.05, 4, torch.Generator().manual_seed(0))
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            assert parameter.eq(0.0 if name.endswith("bias") else 1.0).all(), name
            continue
        back = name.endswith(("attention.out.weight", "mlp.down.weight"))
        std = 0.05 / math.sqrt(8) if back else 0.05
        # A normal distribution cut at two deviations has 0.88 of the deviation.
        assert float(parameter.detach().std()) == pytest.approx(
            0.8796 * std, rel=5 / (2 * parameter.numel()) ** 0.5
        ), name
        assert float(parameter.detach().abs().max()) <= 2 * std, name
    again = Encoder(settings_of("bert"))
    initialise(again, 0.05, 4, torch.Generator().manual_seed(0))
    for key, value in again.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_nothing_remembers_a_forward() -> None:
    """The same batch twice gives the same bits, and evaluation after training changes nothing."""
    model, batch = encoder_of("modernbert"), random_batch((30, 2, 7))
    first = model(batch)
    model(random_batch((4, 4, 50)))
    assert torch.equal(model(batch), first)
    assert torch.equal(F.relu(model.eval()(batch)), F.relu(first))


def test_two_tables_of_distances_are_refused() -> None:
    """All layers read one: a config with two would share it in silence."""
    config = settings_of("mpnet", layers=2)
    first, second = config.layers
    assert isinstance(second, LayerConfig)
    other = replace(second.attention, position=Bucketed(buckets=32, farthest=64))
    with pytest.raises(ConfigError, match="must share one table of distances"):
        Encoder(replace(config, layers=(first, replace(second, attention=other))))
