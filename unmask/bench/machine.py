"""Where a comparison ran: the processor, its limits, and the versions of all that took part."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

import torch

from unmask.train.peak import measured_peak
from unmask.verbs.machine import instructions, memory, processor, versions

PEERS = (
    "transformers",
    "sentence-transformers",
    "accelerate",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
)
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")
PEAK_SECONDS = 1.0


def all_versions() -> dict[str, str]:
    """Versions of this package and of all peers; "not installed" where one is not."""
    found = versions()
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware(threads: int) -> dict[str, Any]:
    """The processor and its memory."""
    able = instructions()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gib": round(memory() / 2**30, 1),
        "instructions": [name for name in INSTRUCTIONS if name in able],
    }


def peaks() -> dict[str, float]:
    """What the processor does at most in products of matrices, in operations per second."""
    types = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}
    cpu = torch.device("cpu")
    return {name: measured_peak(dtype, cpu, PEAK_SECONDS) for name, dtype in types.items()}
