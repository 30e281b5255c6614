"""Where a comparison ran: the processor, its limits, and the versions of all that took part."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path
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
    "setfit",
)
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")
PEAK_SECONDS = 1.0
PACKAGE = Path(__file__).parents[1]
COMMIT, CHANGED = "commit", " and changes"


def all_versions() -> dict[str, str]:
    """Versions of this package and of all peers; "not installed" where one is not.

    With the commit of this package, where it is known.
    """
    found = versions()
    if (at := commit()) is not None:
        found[COMMIT] = at
    return found | {name: version_of(name) for name in PEERS}


def version_of(name: str) -> str:
    """The version of a package; "not installed" where it is not."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def commit(package: Path = PACKAGE) -> str | None:
    """The commit that a package's folder is at, with `CHANGED` behind it where its files differ.

    None where it is in no checkout: git is missing, or the folder is installed beneath some other
    project, which does not have its files.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    at = _git(package, "rev-parse", "HEAD")
    return at and at + (CHANGED if _git(package, "status", "--porcelain", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says in a folder; None where it fails or there is none."""
    # Without the lock: to look must change nothing.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


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
