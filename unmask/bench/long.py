"""Arms that read batches of ids of one length after the other, and this package's own of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.batches.pack import pack
from unmask.bench.arm import Measured
from unmask.bench.prepare_long import Rows, loaded
from unmask.nn.prepared import Precision
from unmask.pipelines.encode import Encoder

SHORT = 256  # tokens that an arm warms up on when it is made

Read = Callable[[Rows], torch.Tensor]
"""Ids of texts of one length to their hidden states `(T, D)`, one text after the other."""


@dataclass(frozen=True, slots=True)
class ByLength:
    """Batches of as many tokens and ever longer texts, each timed.

    A batch of short texts has as many tokens as the longest text, so that the time of a token is
    that of a machine with enough to do at every length.

    Attributes:
        read: the model.
        batches: by the length of their texts, shortest first.
    """

    read: Read
    batches: Mapping[int, Rows]

    def run(self) -> Measured:
        """Read all batches. Outputs are the states of the longest texts.

        Facts, where there are several lengths: microseconds a token at each, and `growth`, that of
        the longest texts over that of the shortest.
        """
        spent: dict[int, float] = {}
        hidden = torch.empty(0)
        for length, rows in self.batches.items():
            begun = time.perf_counter()
            hidden = self.read(rows)
            spent[length] = time.perf_counter() - begun
        tokens = {length: sum(map(len, rows)) for length, rows in self.batches.items()}
        per_token = {length: 1e6 * spent[length] / tokens[length] for length in spent}
        facts = {f"µs at {length}": time for length, time in per_token.items()}
        facts["growth"] = per_token[max(spent)] / per_token[min(spent)]
        return Measured(
            sum(spent.values()),
            sum(tokens.values()),
            hidden.float().numpy(),
            facts if len(spent) > 1 else {},
        )


def by_length(read: Read, ids: str, longest: int | None) -> ByLength:
    """The arm, warmed up on one short text: a whole run can take minutes.

    Args:
        read: the model.
        ids: file of batches.
        longest: the greatest length that is read; None for all.
    """
    batches = loaded(ids, longest)
    read([batches[min(batches)][0][:SHORT]])
    return ByLength(read, batches)


def encoder(
    arch: str,
    precision: Precision,
    models: str,
    ids: str,
    longest: int | None = None,
    **_: Any,
) -> ByLength:
    """`unmask.Encoder` of a flat batch.

    Args:
        arch: folder of the model in `models`.
        precision: of its products.
        ids, longest: as `by_length` takes them.
    """
    model = Encoder.from_pretrained(Path(models) / arch, precision=precision)

    def read(rows: Rows) -> torch.Tensor:
        return model(pack(rows)).last_hidden_state

    return by_length(read, ids, longest)
