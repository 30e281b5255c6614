"""Every kernel against the reference, what each refuses, and which one is chosen."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import varlen

from unmask.errors import ConfigError
from unmask.nn import kernels
from unmask.nn.kernels import BLOCKS_UP_TO, Kernel, attend, choose_kernel
from unmask.nn.layout import Layout

HEADS, WIDTH = 3, 8
LENGTHS = (5, 5, 1, 40, 2, 2, 131, 70)
WINDOWS = (None, 0, 1, 3, 20, 500)


def layout_of(lengths: tuple[int, ...], extra: int = 0) -> Layout:
    boundaries = torch.tensor([0, *lengths]).cumsum(0)
    return Layout(lengths, boundaries, sum(lengths) + extra)


def qkv_of(layout: Layout, seed: int = 0, scale: float = 1.5) -> list[torch.Tensor]:
    """Queries, keys and values whose attention is neither flat nor on one key alone."""
    generator = torch.Generator().manual_seed(seed)
    shape = (3, layout.rows, HEADS, WIDTH)
    return list((scale * torch.randn(shape, generator=generator)).unbind())


def outcome(kernel: Kernel | None, layout: Layout, **asked: Any) -> list[torch.Tensor]:
    """The result, and the gradients of q, k and v for a weighted sum of it."""
    inputs = [x.requires_grad_() for x in qkv_of(layout)]
    out = attend(*inputs, layout, kernel=kernel, **asked)
    weights = qkv_of(layout, seed=1)[0]
    (out * weights).sum().backward()
    return [out.detach(), *(x.grad for x in inputs if x.grad is not None)]


def assert_alike(kernel: Kernel | None, layout: Layout, **asked: Any) -> None:
    for mine, oracle in zip(
        outcome(kernel, layout, **asked), outcome("reference", layout, **asked), strict=True
    ):
        torch.testing.assert_close(mine, oracle, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("window", "causal"), [*product(WINDOWS, (False, True))])
@pytest.mark.parametrize("kernel", ["grouped", "blocked"])
def test_equals_the_reference(kernel: Kernel, window: int | None, causal: bool) -> None:
    """Result and gradients, with rows at the end that belong to no sequence."""
    layout = layout_of(LENGTHS, extra=13)
    assert_alike(kernel, layout, window=window, causal=causal)
    assert not outcome(kernel, layout, window=window, causal=causal)[0][layout.used :].any()


@pytest.mark.parametrize(("window", "causal"), [(None, False), (3, False), (3, True)])
def test_grouped_adds_a_bias(window: int | None, causal: bool) -> None:
    bias = torch.randn(HEADS, 140, 140, generator=torch.Generator().manual_seed(2))
    assert_alike("grouped", layout_of(LENGTHS, extra=5), window=window, causal=causal, bias=bias)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=20).map(tuple),
    window=st.none() | st.integers(0, 70),
    causal=st.booleans(),
    extra=st.integers(0, 63),
    kernel=st.sampled_from(["grouped", "blocked"]),
)
def test_equals_the_reference_on_any_lengths(
    lengths: tuple[int, ...], window: int | None, causal: bool, extra: int, kernel: Kernel
) -> None:
    assert_alike(kernel, layout_of(lengths, extra), window=window, causal=causal)


def test_the_reference_is_attention() -> None:
    """The oracle itself, against the formula written out for one head and one query."""
    layout = layout_of((4, 6))
    q, k, v = qkv_of(layout)
    out = attend(q, k, v, layout, kernel="reference", window=2)
    for token, keys in ((1, range(4)), (9, range(7, 10))):
        scores = [float(q[token, 1] @ k[key, 1]) / WIDTH**0.5 for key in keys]
        weights = torch.tensor(scores).exp()
        expected = (weights[:, None] * v[list(keys), 1]).sum(0) / weights.sum()
        torch.testing.assert_close(out[token, 1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", ["reference", "grouped"])
def test_dropout_drops_that_share(kernel: Kernel) -> None:
    """With one key of weight 1, a query's result is 0 or doubled: each with probability 1/2."""
    layout = layout_of((1,) * 500)
    q, k, _ = qkv_of(layout)
    torch.manual_seed(0)
    out = attend(q, k, torch.ones_like(q), layout, dropout=0.5, kernel=kernel)[:, :, 0]
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert abs(float(out.mean()) - 1.0) < 5 * (1 / out.numel()) ** 0.5


@pytest.mark.parametrize("kernel", ["blocked", "varlen"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [({"bias": torch.zeros(HEADS, 9, 9)}, "a bias"), ({"dropout": 0.25}, "dropout 0.25")],
)
def test_refuses_what_it_cannot_do(kernel: Kernel, asked: dict[str, Any], said: str) -> None:
    layout = layout_of((4, 5))
    expected = (
        f"the {kernel} kernel adds nothing to the scores and drops none, but {said} was asked "
        "for; use kernel='grouped', or leave the kernel to be chosen"
    )
    with pytest.raises(ConfigError) as caught:
        attend(*qkv_of(layout), layout, kernel=kernel, **asked)
    assert str(caught.value) == expected


def chosen(
    device: str = "cpu", dtype: torch.dtype = torch.float32, **facts: Any
) -> tuple[Kernel, ...]:
    facts = {"training": False, "longest": 100, "plain": True} | facts
    return (choose_kernel(torch.device(device), dtype, **facts),)


def test_choice() -> None:
    bf16 = torch.bfloat16
    assert chosen("cuda", bf16) == chosen("cuda", torch.float16, training=True) == ("varlen",)
    assert chosen("cuda") == chosen("cuda", bf16, plain=False) == ("grouped",)
    assert chosen("cpu", bf16, training=True, longest=BLOCKS_UP_TO) == ("blocked",)
    assert chosen("cpu", bf16, training=True, longest=BLOCKS_UP_TO + 1) == ("grouped",)
    assert chosen("cpu", bf16, training=True, plain=False) == ("grouped",)
    assert chosen("cpu", bf16) == chosen("cpu", training=True) == chosen("mps") == ("grouped",)


@pytest.mark.parametrize("asked", [{}, {"dropout": 0.1}, {"bias": torch.zeros(HEADS, 9, 9)}])
def test_attend_asks_for_the_choice(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is true of the call, and it runs what was chosen."""
    layout = layout_of((4, 5))
    seen = {}

    def choose(device: torch.device, dtype: torch.dtype, **facts: Any) -> Kernel:
        seen.update(facts, device=device.type, dtype=dtype)
        return "reference"

    monkeypatch.setattr(kernels, "choose_kernel", choose)
    q, k, v = (x.bfloat16() for x in qkv_of(layout))
    attend(q.requires_grad_(), k, v, layout, **asked)
    assert seen == {
        "device": "cpu",
        "dtype": torch.bfloat16,
        "training": True,
        "longest": 5,
        "plain": not asked,
    }


@pytest.mark.parametrize("kernel", ["reference", "grouped"])
def test_float32_within_autocast_stays_float32(kernel: Kernel) -> None:
    """Autocast would round inside the kernels that compute in float32 on purpose."""
    layout = layout_of(LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        inside = attend(*qkv_of(layout), layout, kernel=kernel)
    assert torch.equal(inside, attend(*qkv_of(layout), layout, kernel=kernel))


@pytest.mark.parametrize(
    ("window", "causal", "sides"),
    [
        (None, False, (-1, -1)),
        (None, True, (-1, 0)),
        (64, False, (64, 64)),
        (64, True, (64, 0)),
        (0, False, (0, 0)),
    ],
)
def test_varlen_is_called_with_the_layout(
    window: int | None, causal: bool, sides: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's kernel runs on CUDA alone; here a recorder stands in for it."""
    layout = layout_of((4, 9, 2), extra=3)
    q, k, v = (x.bfloat16() for x in qkv_of(layout))
    calls = []

    def record(*tensors: torch.Tensor, window_size: tuple[int, int], scale: float) -> torch.Tensor:
        calls.append((tensors, window_size, scale))
        return torch.ones_like(tensors[2])

    monkeypatch.setattr(varlen, "varlen_attn", record)
    out = attend(q, k, v, layout, window=window, causal=causal, kernel="varlen")
    ((tensors, window_size, scale),) = calls
    assert scale == WIDTH**-0.5
    given_q, given_k, given_v, queries_from, keys_from, longest_query, longest_key = tensors
    for given_x, x in ((given_q, q), (given_k, k), (given_v, v)):
        assert torch.equal(given_x, x[:15])
    for offsets in (queries_from, keys_from):
        assert offsets.dtype == torch.int32
        assert offsets.tolist() == [0, 4, 13, 15]
    assert (longest_query, longest_key) == (9, 9)
    assert window_size == sides
    assert out.shape == (18, HEADS, WIDTH)
    assert out[:15].eq(1).all()
    assert not out[15:].any()


def test_varlen_signature() -> None:
    """The recorder above takes what the installed PyTorch takes, by name and place."""
    import inspect

    names = list(inspect.signature(varlen.varlen_attn).parameters)
    assert names[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]
    assert {"window_size", "scale"} <= {*names}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the varlen kernel needs a CUDA device")
@pytest.mark.parametrize(("window", "causal"), [*product((None, 0, 3, 64), (False, True))])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_varlen_equals_the_reference(dtype: torch.dtype, window: int | None, causal: bool) -> None:
    """Within the rounding of the results and of the probabilities, both of which it keeps in
    half precision."""
    layout = layout_of(LENGTHS)
    on_device = Layout(layout.lengths, layout.boundaries.cuda(), layout.rows)
    inputs = [x.to("cuda", dtype).requires_grad_() for x in qkv_of(layout)]
    oracles = [x.detach().clone().requires_grad_() for x in inputs]
    weights = qkv_of(layout, seed=1)[0].to("cuda", dtype)
    results = []
    for tensors, kernel in ((inputs, "varlen"), (oracles, "reference")):
        out = attend(*tensors, on_device, window=window, causal=causal, kernel=kernel)
        (out * weights).sum().backward()
        results.append([out.detach(), *(x.grad for x in tensors)])
    for mine, oracle in zip(*results, strict=True):
        assert mine is not None
        assert oracle is not None
        largest = float(oracle.abs().max())
        tolerance = 4 * torch.finfo(dtype).eps * max(largest, 1.0)
        torch.testing.assert_close(mine, oracle, rtol=0.0, atol=tolerance)
