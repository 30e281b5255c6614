"""Which number format is chosen, and what stays in float32."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unmask.errors import ConfigError
from unmask.train.precision import fast_bf16, mixed, resolve_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "fast"),
    [
        ({"avx2": True}, False),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"bf16": True}, True),
        ({}, False),
    ],
)
def test_the_processor_is_asked(
    able: dict[str, bool], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert fast_bf16(CPU) == fast
    assert resolve_dtype("auto", CPU) == (torch.bfloat16 if fast else torch.float32)
    assert resolve_dtype("bf16", CPU) == torch.bfloat16
    assert resolve_dtype("fp32", CPU) == torch.float32


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_the_gpu_is_asked(
    capability: tuple[int, int], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert fast_bf16(torch.device("cuda")) == fast


def test_any_other_device_is_not_trusted() -> None:
    assert not fast_bf16(torch.device("meta"))


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one of auto, fp32, bf16, not 'fp16'"):
        resolve_dtype("fp16", CPU)  # type: ignore[arg-type]


def test_mixed() -> None:
    """Matrix products in bf16; weights and norms in float32."""
    linear, norm, x = nn.Linear(4, 4), nn.LayerNorm(4), torch.randn(3, 4)
    with mixed(torch.bfloat16, CPU):
        assert linear(x).dtype == torch.bfloat16
        assert norm(x).dtype == torch.float32
    assert linear.weight.dtype == torch.float32
    with mixed(torch.float32, CPU):
        assert linear(x).dtype == torch.float32
