"""The two loops, what is tuned of each, and the time that each has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from unmask.bench.arm import ArmSpec

Axes = Sequence[tuple[str, Sequence[Any]]]
"""Settings to be chosen, in this order, each with the values that are tried."""
ROUND_TOKENS = 8192  # of a round of the pace, so that each arm's takes some seconds
PACE_STEPS = 400  # more than its rounds ever take


@dataclass(frozen=True, slots=True)
class Contender:
    """A loop that is tuned, then trained.

    Attributes:
        name: as it stands in the tables.
        make: "module:function" of its arm.
        axes: what is tuned; the first value of each is where it begins.
        free: those of them that do not change what a step costs.
        tuning: share of the whole time that a run of the tuning has.
        shares: of the whole time, for the runs that count.
        fixed: further settings of all its runs.
    """

    name: str
    make: str
    axes: Axes
    free: frozenset[str]
    tuning: float
    shares: tuple[float, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def costs(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the chosen settings that a step's time depends on."""
        return {name: value for name, value in chosen.items() if name not in self.free}

    def paces(self) -> list[ArmSpec]:
        """An arm for each step time that the tuning may ask for."""
        axes = [(name, values) for name, values in self.axes if name not in self.free]
        return [
            self._pace(dict(zip((name for name, _ in axes), one, strict=True)))
            for one in product(*(values for _, values in axes))
        ]

    def pace_name(self, chosen: Mapping[str, Any]) -> str:
        """The name of the arm that has the step time of these settings."""
        told = ", ".join(f"{name} {value}" for name, value in sorted(self.costs(chosen).items()))
        return f"{self.name}, {told}" if told else self.name

    def _pace(self, chosen: Mapping[str, Any]) -> ArmSpec:
        free = {name: values[0] for name, values in self.axes if name in self.free}
        settings = {**self.fixed, **free, **chosen}
        tokens = settings.get("tokens_per_step", settings.get("budget.tokens_per_step"))
        assert isinstance(tokens, int)
        options = {"settings": settings, "steps": PACE_STEPS}
        at_once = max(1, ROUND_TOKENS // tokens)
        return ArmSpec(self.pace_name(chosen), self.make, {**options, "at_once": at_once})

    def trial(self, chosen: Mapping[str, Any], steps: int, seed: int) -> ArmSpec:
        """A run with the chosen settings."""
        options = {"settings": {**self.fixed, **chosen}, "steps": steps, "seed": seed}
        return ArmSpec(self.name, self.make, options)


ARMS = "unmask.bench.time_to_loss.arms:"
PEER = Contender(
    "transformers",
    f"{ARMS}peer",
    axes=(
        ("tokens_per_step", (2048, 1024, 4096)),
        ("lr", (1e-3, 2e-3, 5e-4)),
        ("mask_rate", (0.15, 0.3)),
    ),
    free=frozenset({"lr", "mask_rate"}),  # its head reads every token anyway
    # Below that all settings are still at the loss of a model that only counts words (docs/log.md).
    tuning=1 / 2,
    shares=(1.0,),
)
OWN = Contender(
    "unmask",
    f"{ARMS}own",
    axes=(
        # Tried before, in runs of half a million tokens (docs/log.md): batches of 1,024 and 4,096
        # tokens, masking of 0.15 and 0.4, a `muon_lr` of 0.01 and 0.04.
        ("budget.tokens_per_step", (2048,)),
        ("mask.rate", (0.3,)),
        ("optim.lr", (2e-3, 4e-3)),
    ),
    free=frozenset({"optim.lr"}),
    tuning=1 / 10,
    shares=(1 / 5, 1 / 10),
)
