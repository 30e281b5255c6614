"""What is compared: arms of a measure, each in a process of its own, one run at a time.

An arm is made once and run in every round, A B C A B C ..., so that all meet the same machine. A
process of its own keeps one library's threads and settings away from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of an arm.

    Attributes:
        seconds: what the run took, by the clock; only what a user would wait for.
        work: how much it did in that time, in the measure's unit, such as real tokens.
        outputs: what it computed, `(N, E)`, to be held against the reference; None where the
            measure compares none.
        facts: other figures, by name, such as a loss or a peak of memory.
    """

    seconds: float
    work: float
    outputs: F32 | None = None
    facts: Mapping[str, float] = field(default_factory=dict)


class Arm(Protocol):
    """Something that can be run again and again."""

    def run(self) -> Measured:
        """Do the work once."""
        ...


@dataclass(frozen=True, slots=True)
class ArmSpec:
    """How an arm is made, in whatever process.

    Attributes:
        name: as it stands in the table, such as "onnxruntime int8".
        make: "module:function" that returns an `Arm`; imports what it needs, so that a peer that
            is not installed is found out there.
        options: what the function is called with; JSON.
    """

    name: str
    make: str
    options: Mapping[str, Any] = field(default_factory=dict)


def as_file_name(name: str) -> str:
    """The name of an arm, with a dash for every sign that a file's name may not have."""
    return "".join(sign if sign.isalnum() else "-" for sign in name)
