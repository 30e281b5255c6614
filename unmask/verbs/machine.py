"""Where a run computes, and what it says of its surroundings."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path

import torch

from unmask import __version__
from unmask.checkpoint.building import device_here
from unmask.errors import ConfigError


def resolve_device(device: str) -> torch.device:
    """The device for "auto", "cpu", "cuda" and the like.

    Raises:
        ConfigError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return device_here(device, "auto, cpu, cuda or cuda:NUMBER")


def use_threads(threads: int | None) -> int:
    """Let PyTorch use so many CPU threads; None leaves its own choice, one for each core.

    Raises:
        ConfigError: less than one.
    """
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads must be at least 1, not {threads}")
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def processor() -> str:
    """The processor's own name, or the machine type where the system tells no name."""
    return _told("model name") or platform.processor() or platform.machine()


def processor_of(device: torch.device) -> str:
    """The name of what computes there: of the GPU, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def instructions() -> frozenset[str]:
    """The names of what the processor says that it can; none where the system does not tell."""
    return frozenset(_told("flags", "Features").split())


def _told(*names: str) -> str:
    """The first of these lines of the system's own account of its processor; else nothing."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(names):
                return line.partition(":")[2].strip()
    return ""


def memory() -> int:
    """The machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def environment(device: torch.device, dtype: torch.dtype, threads: int) -> dict[str, str]:
    """What the bits of a result depend on besides settings and data."""
    return {
        "torch": torch.__version__,
        "processor": processor_of(device),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(threads),
        "dtype": str(dtype).removeprefix("torch."),
    }


def versions() -> dict[str, str]:
    """Versions of what computes, for reports and model cards."""
    import numpy
    import tokenizers

    return {
        "unmask": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "tokenizers": tokenizers.__version__,
        "numpy": numpy.__version__,
    }


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
