"""Attention over long sequences against the reference, in value and gradient."""

from __future__ import annotations

import pytest
import torch

from unmask.nn import grouped
from unmask.nn.config import Disentangled
from unmask.nn.kernels import attend
from unmask.nn.layout import Layout
from unmask.nn.relative import DistanceScores, row_of

HEADS, WIDTH = 2, 8
TERMS = [("c2p",), ("p2c",), ("c2p", "p2c")]


def layout_of(lengths: tuple[int, ...], extra: int = 3) -> Layout:
    return Layout(lengths, torch.tensor([0, *lengths]).cumsum(0), sum(lengths) + extra)


def distances(longest: int, terms: tuple, farthest: int) -> DistanceScores:
    """Random vectors of distances, of which those beyond `farthest` share theirs."""
    config = Disentangled(span=16, farthest=farthest, bucketed=True, terms=terms, norm=None)
    index = row_of(torch.arange(1 - longest, longest), config)
    generator = torch.Generator().manual_seed(3)
    queries, keys = torch.randn(2, 32, HEADS, WIDTH, generator=generator)
    return DistanceScores(queries, keys, index, terms)


def outcome(layout: Layout, kernel: str | None, grad: bool = True, **asked) -> list[torch.Tensor]:
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
    terms: tuple, farthest: int, window: int | None, causal: bool, grad: bool,
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
