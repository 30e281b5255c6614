"""The share of the limit is taken of the precision that an arm computes in."""

from __future__ import annotations

import pytest

from unmask.bench.limit import precision_of


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("unmask fp32, batch_invariant", "fp32"),
        ("sentence-transformers", "fp32"),
        ("sentence-transformers bf16, best batch", "bf16"),
        ("openvino int8", "int8"),
    ],
)
def test_precision_of_an_arm(name: str, precision: str) -> None:
    assert precision_of(name) == precision
