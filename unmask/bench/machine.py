"""Where a comparison ran: the processor, its limits, and the versions of all that took part."""

from __future__ import annotations

import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from unmask.train.peak import measured_peak
from unmask.verbs.machine import processor, versions

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
SIZE = 1024


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
    flags = _flags()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gib": round(_memory() / 2**30, 1),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
    }


def peaks() -> dict[str, float]:
    """What the processor does at most in products of matrices, in operations per second."""
    cpu = torch.device("cpu")
    return {
        "fp32": measured_peak(torch.float32, cpu, 1.0),
        "bf16": measured_peak(torch.bfloat16, cpu, 1.0),
        "int8": _int8_peak(1.0),
    }


def _int8_peak(seconds: float) -> float:
    """As `measured_peak`, for int8 products that add up in int32."""
    a = torch.ones(SIZE, SIZE, dtype=torch.int8)
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        torch._int_mm(a, a)
        best = min(best, time.perf_counter() - start)
    return 2 * SIZE**3 / best


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _flags() -> set[str]:
    """What the processor says that it can; empty where the system does not tell."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return set()
    for line in path.read_text("utf-8", errors="replace").splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()
