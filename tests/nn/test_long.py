"""Attention over long sequences against the reference, in value and gradient."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch

from unmask.nn import chunked, grouped
from unmask.nn.config import Disentangled
from unmask.nn.kernels import Kernel, attend
from unmask.nn.layout import Layout
from unmask.nn.relative import DistanceScores, row_of

HEADS, WIDTH = 2, 8
Terms = tuple[Literal["c2p", "p2c"], ...]
TERMS: list[Terms] = [("c2p",), ("p2c",), ("c2p", "p2c")]


def layout_of(lengths: tuple[int, ...], extra: int = 3) -> Layout:
    return Layout(lengths, torch.tensor([0, *lengths]).cumsum(0), sum(lengths) + extra)


def distances(longest: int, terms: Terms, farthest: int) -> DistanceScores:
    """Random vectors of distances, of which those beyond `farthest` share theirs."""
    config = Disentangled(span=16, farthest=farthest, bucketed=True, terms=terms, norm=None)
    index = row_of(torch.arange(1 - longest, longest), config)
    generator = torch.Generator().manual_seed(3)
    queries, keys = torch.randn(2, 32, HEADS, WIDTH, generator=generator)
    return DistanceScores(queries, keys, index, terms)


def outcome(
    layout: Layout, kernel: Kernel | None, grad: bool = True, **asked: Any
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    q, k, v, weights = torch.randn(4, layout.rows, HEADS, WIDTH, generator=generator)
    inputs = [x.requires_grad_(grad) for x in (q, k, v)]
    out = attend(*inputs, layout, kernel=kernel, **asked)
    if not grad:
        return [out]
    (out * weights).sum().backward()
    return [out.detach(), *(x.grad for x in inputs)]


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("farthest", [20, 60, 4000])
@pytest.mark.parametrize(
    ("window", "causal"), [(None, False), (None, True), (30, False), (0, False)]
)
@pytest.mark.parametrize("grad", [False, True])
def test_distances_that_share_a_row_are_set_apart(
    terms: Terms,
    farthest: int,
    window: int | None,
    causal: bool,
    grad: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever part of the keys is near, and however many queries are taken at a time."""
    monkeypatch.setattr(grouped, "FAR_FROM", 50)
    monkeypatch.setattr(grouped, "CACHED_SCORES", 1 << 13)
    monkeypatch.setattr(grouped, "MOST_SCORES", 1 << 13)
    layout = layout_of((200, 49, 50, 51, 51, 3, 1))
    asked = {"bias": distances(200, terms, farthest), "window": window, "causal": causal}
    mine, oracle = (outcome(layout, kernel, grad, **asked) for kernel in ("grouped", "reference"))
    for a, b in zip(mine, oracle, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("length", [99, 100, 101, 256, 300, 511])
@pytest.mark.parametrize("count", [1, 3])
def test_bf16_products_in_chunks(length: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As near to float32 as a rounding of the scores and one of the probabilities allow."""
    monkeypatch.setattr(chunked, "CHUNKED_FROM", 100)
    layout = layout_of((length,) * count)
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, layout.rows, HEADS, WIDTH, generator=generator).bfloat16()
    oracle = attend(q.float(), k.float(), v.float(), layout, kernel="reference")
    mine = attend(q, k, v, layout)
    assert mine.dtype == torch.bfloat16
    torch.testing.assert_close(mine.float(), oracle, rtol=0.0, atol=2e-2)
    assert not mine[layout.used :].any()


@pytest.mark.parametrize("which", range(3))
def test_where_a_gradient_is_wanted_there_are_no_chunks(
    which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "CHUNKED_FROM", 100)
    layout = layout_of((120,))
    generator = torch.Generator().manual_seed(0)
    inputs = [*torch.randn(3, layout.rows, HEADS, WIDTH, generator=generator).bfloat16()]
    inputs[which].requires_grad_()
    attend(*inputs, layout, kernel="grouped").float().square().sum().backward()
    assert inputs[which].grad is not None
    assert inputs[which].grad.any()
