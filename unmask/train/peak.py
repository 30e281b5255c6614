"""How fast this processor multiplies matrices, measured: the yardstick of a training loop."""

from __future__ import annotations

import time

import torch

SIZE = 1024  # large enough to reach the plateau, small enough for a few milliseconds each


def measured_peak(dtype: torch.dtype, device: torch.device, seconds: float = 0.25) -> float:
    """Operations per second of a square matrix product, floats or int8, the best of several.

    The best rather than the mean: the question is what the processor can do, and other work on
    the machine only ever makes it look slower.
    """
    a = torch.ones(SIZE, SIZE, dtype=dtype, device=device)
    # PyTorch has no `@` for bytes that adds up in int32.
    multiply = torch._int_mm if dtype == torch.int8 else torch.matmul
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        float(multiply(a, a)[0, 0])
        best = min(best, time.perf_counter() - start)
    return 2 * SIZE**3 / best
