"""What is compared for every head of every architecture, and how large a difference may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.parity import compare
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS, Row
from unmask.arch.spec import HeadKind

Unit = Literal["difference", "roundings"]

# Differences in float32, and how many roundings of the oracle's ours may be in bfloat16.
LIMITS: dict[Unit, float] = {"difference": 1e-5, "roundings": 2.0}


@dataclass(frozen=True)
class Check:
    """One comparison: what it is called, and the number that it gives."""

    what: str
    unit: Unit
    measure: Callable[[Pair], float]


OF_ENCODER = (
    Check("hidden states", "difference", compare.hidden_states),
    Check("bfloat16 hidden states", "roundings", compare.bfloat16_hidden_states),
)
OF_HEAD = (
    Check("outputs", "difference", compare.logits),
    Check("loss", "difference", compare.loss),
    Check("gradients", "difference", compare.gradients),
    Check("bfloat16 outputs", "roundings", compare.bfloat16),
    Check("bfloat16 loss", "roundings", compare.bfloat16_loss),
    Check("bfloat16 gradients", "roundings", compare.bfloat16_gradients),
)


def checks(kind: HeadKind) -> tuple[Check, ...]:
    """What is compared for a head; of the bare encoder, its hidden states."""
    return OF_ENCODER if kind == "encoder" else OF_HEAD


CELLS: tuple[tuple[Row, HeadKind], ...] = tuple((row, kind) for row in ROWS for kind in row.heads)
