"""What is compared for every architecture, and how large a difference may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.parity import compare
from tests.parity.compare import Pair
from unmask.arch.spec import HeadKind

Unit = Literal["difference", "roundings"]

# Differences in float32, and how many roundings of the oracle's ours may be in bfloat16.
LIMITS: dict[Unit, float] = {"difference": 1e-5, "roundings": 2.0}


@dataclass(frozen=True)
class Check:
    """One comparison of a head: what it is called, and the number that it gives."""

    head: HeadKind
    what: str
    unit: Unit
    measure: Callable[[Pair], float]


HEADED: tuple[HeadKind, ...] = ("lm", "sequence")
CHECKS: tuple[Check, ...] = (
    Check("encoder", "hidden states", "difference", compare.hidden_states),
    *(
        Check(head, what, unit, measure)
        for head in HEADED
        for what, unit, measure in (
            ("logits", "difference", compare.logits),
            ("loss", "difference", compare.loss),
            ("gradients", "difference", compare.gradients),
            ("bfloat16 logits", "roundings", compare.bfloat16),
            ("bfloat16 gradients", "roundings", compare.bfloat16_gradients),
        )
    ),
)
