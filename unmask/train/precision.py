"""Which number format the matrix products of training use."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from unmask.errors import ConfigError
from unmask.nn.processor import fast_bf16

Dtype = Literal["auto", "fp32", "bf16"]


def resolve_dtype(dtype: Dtype, device: torch.device) -> torch.dtype:
    """The number format for "auto", "fp32" or "bf16".

    Raises:
        ConfigError: another word.
    """
    if dtype not in get_args(Dtype):
        raise ConfigError(f"dtype must be one of {', '.join(get_args(Dtype))}, not {dtype!r}")
    if dtype == "bf16" or (dtype == "auto" and fast_bf16(device)):
        return torch.bfloat16
    return torch.float32


def mixed(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Matrix products in `dtype`; weights, norms, residual sums and the loss stay in float32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype)
