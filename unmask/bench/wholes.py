"""Arms that are whole processes, started anew for every run: their time, their peak of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmask.bench.arm import Arm, Measured
from unmask.bench.process import NotMeasured

TEXT = "The capital of France is [MASK]."

_PASS = "pass"
_IMPORT = """
from time import perf_counter
begun = perf_counter()
import unmask
print(perf_counter() - begun)
"""
_PEER = """
import sys
from transformers import pipeline
print(pipeline("fill-mask", sys.argv[1], device="cpu", top_k=5)(sys.argv[2]))
"""

Look = Callable[[str], Mapping[str, float]]
"""What a process printed to further facts."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended without an error.

    Attributes:
        seconds: from its start to its end.
        cpu: seconds that the processor worked for it, which other work on the machine hardly
            changes.
        peak: its resident memory at most, in bytes.
        printed: on standard output.
    """

    seconds: float
    cpu: float
    peak: int
    printed: str


@dataclass(frozen=True, slots=True)
class Command:
    """Python with these arguments, as an arm: fact `cpu_s`, and what `look` finds.

    Attributes:
        arguments: behind the interpreter.
        look: at what it printed.
    """

    arguments: Sequence[str]
    look: Look

    def run(self) -> Measured:
        """Start it and wait for its end."""
        ended = python(self.arguments)
        facts = {"cpu_s": ended.cpu, **self.look(ended.printed)}
        return Measured(ended.seconds, 1.0, facts=facts)


@dataclass(frozen=True, slots=True)
class Embedding:
    """`unmask embed` of a table: fact `peak_gb`, 10⁹ bytes of resident memory at most.

    Attributes:
        arguments: of the command.
        output: the file of vectors that it writes, which is removed again.
    """

    arguments: Sequence[str]
    output: Path

    def run(self) -> Measured:
        """Embed the whole table."""
        try:
            command = ("-m", "unmask", "embed", *self.arguments, "--output", str(self.output))
            ended = python(command)
            vectors = np.load(self.output, mmap_mode="r")
            return Measured(ended.seconds, float(len(vectors)), facts={"peak_gb": ended.peak / 1e9})
        finally:
            self.output.unlink(missing_ok=True)


def python(arguments: Sequence[str]) -> Ended:
    """Run this interpreter once more; standard error goes where that of this process goes.

    Raises:
        NotMeasured: it ends with an error.
    """
    launch = [sys.executable, "-m", "unmask.bench.launch", *arguments]
    done = subprocess.run(launch, stdout=subprocess.PIPE, text=True, check=True)
    printed, _, last = done.stdout.removesuffix("\n").rpartition("\n")
    told = json.loads(last)
    if told["code"]:
        words = " ".join(arguments)[:100]
        raise NotMeasured(f"python {words} ended with {told['code']}; its log says why")
    return Ended(told["seconds"], told["cpu"], told["peak"], printed)


def bare(**common: Any) -> Arm:
    """The interpreter by itself."""
    return Command(("-c", _PASS), _nothing)


def importing(**common: Any) -> Arm:
    """`import unmask`: fact `import_s`, the seconds of the import alone, by its own clock."""
    return Command(("-c", _IMPORT), lambda printed: {"import_s": float(printed)})


def helping(**common: Any) -> Arm:
    """`unmask --help`."""
    return Command(("-m", "unmask", "--help"), _something)


def filling(folder: str, **common: Any) -> Arm:
    """`unmask fill`."""
    return Command(("-m", "unmask", "fill", folder, TEXT), _something)


def peer_filling(folder: str, **common: Any) -> Arm:
    """The pipeline of `transformers` on the same folder and text."""
    return Command(("-c", _PEER, folder, TEXT), _something)


def embedding(
    tables: Mapping[str, str],
    models: Mapping[str, Sequence[str]],
    table: str,
    model: str,
    work: str,
    threads: int,
) -> Arm:
    """`unmask embed` of one of the tables with one of the models.

    Args:
        tables: their files, by name.
        models: arguments by name: the folder, and how it pools where that does not say it.
        table, model: which of them.
        work: the folder that vectors are written in.
        threads: of the command.
    """
    output = Path(work) / f"vectors-{table}-{model}.npy"
    how = ("--replace", "--threads", str(threads))
    return Embedding([*models[model], "--input", tables[table], *how], output)


def _nothing(printed: str) -> Mapping[str, float]:
    return {}


def _something(printed: str) -> Mapping[str, float]:
    """No facts, of a process that has printed what it was asked for.

    Raises:
        NotMeasured: it printed nothing.
    """
    if not printed.strip():
        raise NotMeasured("the process printed nothing")
    return {}
