"""An encoder prepared for inference computes what it computed before."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from tests.nn.models import encoder_of, random_rows
from unmask.batches.pack import pack
from unmask.errors import ConfigError, ModelError
from unmask.nn import grouped, prepared
from unmask.nn.config import Activation
from unmask.nn.encoder import ROWS, Encoder, added_rows
from unmask.nn.int8 import Sampler, Site, has_int8, weight_bytes
from unmask.nn.linear import GatedLinear, Linear
from unmask.nn.prepared import Prepared, prepare, resolve
from unmask.nn.processor import fast_bf16
from unmask.nn.products import Combined, OneDnn, Plain, Product, Tiled, has_onednn
from unmask.nn.relative import DistanceScores

CPU = torch.device("cpu")
NAMES = ("bert", "modernbert", "deberta_v2", "mpnet", "albert", "decoder")
ROWS_OF = (9, 21, 4, 70, 21, 130)


def states(encoder: Encoder, rows: list[list[int]]) -> torch.Tensor:
    with torch.inference_mode():
        return encoder(pack(rows))


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name: str) -> None:
    encoder = encoder_of(name).eval()
    rows = random_rows(ROWS_OF)
    before = states(encoder, rows)
    prepare(encoder, "fp32")
    assert any(isinstance(m, Prepared) for m in encoder.modules())
    torch.testing.assert_close(states(encoder, rows), before, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_is_near_and_comes_out_as_float32(name: str) -> None:
    encoder = encoder_of(name).eval()
    rows = random_rows(ROWS_OF)
    before = states(encoder, rows)
    prepare(encoder, "bf16")
    after = states(encoder, rows)
    assert after.dtype == torch.float32
    assert not torch.equal(after, before)
    assert torch.nn.functional.cosine_similarity(after, before).min() > 0.995


@pytest.mark.parametrize("name", NAMES)
def test_bf16_gives_a_norm_one_type_where_the_device_takes_no_two(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CUDA, whose layer norm refuses bf16 with parameters in float32."""
    encoder = encoder_of(name).eval()
    rows = random_rows(ROWS_OF)
    before = states(encoder, rows)
    types: set[tuple[torch.dtype, torch.dtype]] = set()
    own = torch.nn.functional.layer_norm

    def one_type(x: torch.Tensor, shape: Any, weight: torch.Tensor, *more: Any) -> torch.Tensor:
        types.add((x.dtype, weight.dtype))
        return own(x, shape, weight, *more)

    monkeypatch.setattr(torch.nn.functional, "layer_norm", one_type)
    prepare(encoder, "bf16")
    states(encoder, rows)
    mixed = (torch.bfloat16, torch.float32)
    assert (mixed in types) is (name not in ("decoder",))  # whose norms are RMSNorm
    monkeypatch.setattr(prepared, "norms_two_types", lambda device: False)
    prepare(encoder, "bf16")
    types.clear()
    after = states(encoder, rows)
    assert mixed not in types
    assert torch.nn.functional.cosine_similarity(after, before).min() > 0.995


@pytest.mark.skipif(not has_int8(CPU), reason="this processor has no fast products of bytes")
@pytest.mark.parametrize("name", ["bert", "modernbert", "albert"])
def test_int8_is_near(name: str) -> None:
    encoder = encoder_of(name).eval()
    rows = random_rows(ROWS_OF)
    before = states(encoder, rows)
    sampler = Sampler(encoder)
    states(encoder, random_rows((30, 40, 50)))
    sampler.close()
    prepare(encoder, "int8", sites=sampler.sites(encoder))
    after = states(encoder, rows)
    assert not torch.equal(after, before)
    assert torch.nn.functional.cosine_similarity(after, before).mean() > 0.98


def test_bytes_hold_a_weight_to_half_a_step() -> None:
    weight = torch.randn(7, 33)
    whole, steps = weight_bytes(weight)
    assert whole.dtype == torch.int8
    assert ((whole * steps[:, None] - weight).abs() <= steps[:, None] / 2 + 1e-6).all()


@pytest.mark.parametrize("name", ["bert", "modernbert", "deberta_v2", "albert", "electra"])
def test_batch_invariance_is_in_the_bits(name: str) -> None:
    """Alone, with others, before and behind them: the same bits."""
    encoder = encoder_of(name).eval()
    prepare(encoder, "fp32", batch_invariant=True)
    rows = random_rows((5, 17, 64, 33, 1, 90, 17))
    together = torch.split(states(encoder, rows), [len(row) for row in rows])
    for row, state in zip(rows, together, strict=True):
        assert torch.equal(states(encoder, [row]), state)
        assert torch.equal(states(encoder, [rows[5], rows[2], row])[-len(row) :], state)


@pytest.mark.parametrize("length", [530, 1100])
def test_batch_invariance_of_long_texts_of_one_length(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many queries are taken at a time must not depend on how many texts there are."""
    monkeypatch.setattr(grouped, "MOST_SCORES", 1 << 20)
    taken: set[int] = set()
    chunk = DistanceScores.chunk

    def noting(self: DistanceScores, q_NHCK: torch.Tensor, *rest: Any) -> torch.Tensor:
        taken.add(q_NHCK.shape[2])
        return chunk(self, q_NHCK, *rest)

    monkeypatch.setattr(DistanceScores, "chunk", noting)
    encoder = encoder_of("deberta_v2", layers=1, context=length).eval()
    prepare(encoder, "fp32", batch_invariant=True)
    rows = random_rows((length,) * 3)
    together = torch.split(states(encoder, rows), length)
    before = set(taken)
    for row, state in zip(rows, together, strict=True):
        taken.clear()
        assert torch.equal(states(encoder, [row]), state)
        assert taken == before


def test_state_dict_keeps_names_and_values() -> None:
    encoder = encoder_of("modernbert")
    before = copy.deepcopy(encoder.state_dict())
    prepare(encoder, "bf16")
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_changed_weights_are_refused() -> None:
    encoder = encoder_of("bert").eval()
    prepare(encoder, "fp32")
    with torch.no_grad():
        encoder.layers[0].mlp.up.weight.mul_(2.0)
    with pytest.raises(ModelError, match="were changed"):
        states(encoder, random_rows((4,)))


@pytest.mark.parametrize("name", ["up.weight", "up.bias"])
def test_another_weight_in_its_place_is_refused(name: str) -> None:
    """No count of writes tells of it: the new one's is 0, as the old one's was."""
    encoder = encoder_of("bert").eval()
    encoder.load_state_dict({k: w.clone() for k, w in encoder.state_dict().items()}, assign=True)
    prepare(encoder, "fp32")
    key = f"layers.0.mlp.{name}"
    encoder.load_state_dict({key: encoder.state_dict()[key] * 2}, strict=False, assign=True)
    with pytest.raises(ModelError, match="were changed"):
        states(encoder, random_rows((4,)))


def test_the_same_weight_in_its_place_is_not() -> None:
    encoder = encoder_of("bert").eval()
    prepare(encoder, "fp32")
    before = states(encoder, random_rows((4,)))
    encoder.load_state_dict(encoder.state_dict(), assign=True)
    assert torch.equal(states(encoder, random_rows((4,))), before)


def test_recurrent_encoder_is_fp32_alone() -> None:
    encoder = encoder_of("elmo").eval()
    rows = random_rows((4, 7))
    before = states(encoder, rows)
    prepare(encoder, "fp32")
    torch.testing.assert_close(states(encoder, rows), before)
    with pytest.raises(ConfigError, match="recurrent"):
        prepare(encoder, "bf16")


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("rows", [1, 255, 256, 257, 700])
def test_tiles_are_the_whole(rows: int, gate: bool) -> None:
    weight, bias = torch.randn(24, 16), torch.randn(24)
    plain: Product = Plain(weight, bias, "gelu", torch.float32)
    x, other = torch.randn(rows, 16), torch.randn(rows, 24)
    expected = torch.nn.functional.gelu(x @ weight.T + bias)
    expected = expected * other if gate else expected + other
    found = Tiled(plain)(x, other, "mul" if gate else "add")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not has_onednn(CPU, torch.float32), reason="this PyTorch lacks oneDNN")
@pytest.mark.parametrize("by", ["add", "mul"])
@pytest.mark.parametrize("activation", [None, "gelu"])
def test_onednn_combines_as_plain_calls_do(activation: Activation | None, by: Combined) -> None:
    """Behind an activation too, where there is no call for all three at once."""
    weight, bias = torch.randn(24, 16), torch.randn(24)
    x, other = torch.randn(40, 16), torch.randn(40, 24)
    plain, fused = (kind(weight, bias, activation, torch.float32) for kind in (Plain, OneDnn))
    with torch.inference_mode():
        expected = plain(x, other, by)
        torch.testing.assert_close(fused(x, other, by), expected, rtol=1e-4, atol=1e-5)


def test_int8_goes_by_sites() -> None:
    with pytest.raises(ConfigError, match="precision is 'int8' and sites are not given"):
        prepare(encoder_of("bert"), "int8")
    with pytest.raises(ConfigError, match="precision is 'fp32' and sites are given"):
        prepare(encoder_of("bert"), "fp32", sites={})


def test_precision_is_asked_of_the_processor() -> None:
    assert resolve("auto", CPU) == ("bf16" if fast_bf16(CPU) else "fp32")
    assert resolve("int8", CPU) == "int8"
    assert not has_onednn(torch.device("cuda"), torch.float32)
    assert not has_int8(torch.device("cuda"))
    with pytest.raises(ConfigError, match="precision must be one of"):
        resolve("fp8", CPU)  # type: ignore[arg-type]


def test_rows_added_stay_under_an_eighth_and_few() -> None:
    for tokens in range(1, 3000):
        assert added_rows(tokens) < min(ROWS, max(8, tokens / 4 + 1))
    assert len({tokens + added_rows(tokens) for tokens in range(1, 513)}) <= 28


def test_sampler_listens_to_every_layer_once() -> None:
    encoder = encoder_of("modernbert").eval()
    sampler = Sampler(encoder)
    states(encoder, random_rows((6, 3)))
    sampler.close()
    states(encoder, random_rows((6, 3)))
    names = [n for n, m in encoder.named_modules() if isinstance(m, Linear | GatedLinear)]
    assert list(sampler.seen) == names
    assert {len(parts) for parts in sampler.seen.values()} == {1}
    sites = sampler.sites(encoder)
    assert all(isinstance(site, Site) and 0 <= site.zero <= 255 for site in sites.values())
