"""What the processor can do."""

from __future__ import annotations

import torch


def fast_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bf16 matrices in hardware, asked of the processor.

    On a CPU that means AVX-512 BF16, AMX or Arm's BF16 instructions; anywhere else bf16 is
    emulated and slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def fast_int8(device: torch.device) -> bool:
    """Whether the processor multiplies matrices of bytes in hardware: VNNI or AMX on a CPU."""
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return any(able.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def norms_two_types(device: torch.device) -> bool:
    """Whether PyTorch's layer norm there takes bf16 with parameters in float32: a CPU's alone."""
    return device.type == "cpu"
