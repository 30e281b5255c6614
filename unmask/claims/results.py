"""What a claim came to, as JSON, and the page that shows all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.claims.arms import ArmRun
from unmask.claims.effects import Estimate, Says, together
from unmask.claims.metrics import QUANTITIES
from unmask.claims.recipe import Claim, Effect, Matched
from unmask.errors import ConfigError
from unmask.verbs.machine import versions


@dataclass(frozen=True, slots=True)
class EffectFound:
    """An effect with its interval.

    Attributes:
        metric, of, against, minus, beyond: as the claim has it.
        differences: of each seed, above zero in favour of the first arm.
        mean, low, high: see `Estimate`; None for an interval without bounds.
        resolves: the distance from `beyond` that could have been told, see `Estimate`; None for
            none.
        says: the verdict.
    """

    metric: str
    of: str
    against: str | None
    minus: str | None
    beyond: float
    differences: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    resolves: float | None
    says: Says

    @classmethod
    def of_figures(cls, effect: Effect, first: Seeds, second: Seeds | None) -> EffectFound:
        """From the figures of both arms, by seed; of one where there is no second."""
        if second is None:
            second = [dict.fromkeys(one, 0.0) for one in first]
        differences = [
            _difference(effect.metric, one, other)
            - (0.0 if effect.minus is None else _difference(effect.minus, one, other))
            for one, other in zip(first, second, strict=True)
        ]
        return cls.of_differences(effect, differences)

    @classmethod
    def of_differences(cls, effect: Effect, differences: Sequence[float]) -> EffectFound:
        """From the difference of each pair."""
        found = Estimate.of(differences)
        bounded = found.seeds > 1
        return cls(
            metric=effect.metric,
            of=effect.of,
            against=effect.against,
            minus=effect.minus,
            beyond=effect.beyond,
            differences=tuple(differences),
            mean=found.mean,
            low=found.low if bounded else None,
            high=found.high if bounded else None,
            resolves=found.resolves if bounded else None,
            says=found.says(effect.beyond),
        )


WARNED = "warned"
"""1 where training warned of a collapse, see `PretrainResult.warnings`."""
Seeds = Sequence[Mapping[str, float]]
"""Figures of an arm by name, for each seed."""


def _difference(metric: str, first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Above zero where the first is better."""
    sign = 1.0 if QUANTITIES[metric].more else -1.0
    return sign * (first[metric] - second[metric])


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimResult:
    """What a claim came to.

    Attributes:
        name: of the claim.
        date: of the last figure.
        matched: what the arms had equally much of.
        arms: figures of each arm by name, for each seed.
        effects: what was compared.
        says: the verdict.
        hours: of training and measuring, on one core, over all its arms.
        versions, processor: that it ran with.
    """

    name: str
    date: str
    matched: Matched
    arms: dict[str, tuple[dict[str, float], ...]]
    effects: tuple[EffectFound, ...]
    says: Says
    hours: float
    versions: dict[str, str]
    processor: str

    @classmethod
    def of(
        cls,
        claim: Claim,
        runs: Mapping[tuple[str, int], ArmRun],
        figures: Mapping[str, Mapping[str, float]],
        matched: Matched,
        processor: str,
    ) -> ClaimResult:
        """From the figures of all runs, by their keys.

        Args:
            claim, runs, figures: as they are.
            matched: what the arms had equally much of.
            processor: on which they ran.
        """
        seeds = 1 + max(seed for _, seed in runs)
        arms = {
            arm.name: tuple(dict(figures[runs[arm.name, seed].key]) for seed in range(seeds))
            for arm in claim.arms
        }
        effects = tuple(
            EffectFound.of_figures(
                effect, arms[effect.of], None if effect.against is None else arms[effect.against]
            )
            for effect in claim.effects
        )
        seconds = sum(
            one["seconds"] + one.get("measuring_seconds", 0.0)
            for arm in arms.values()
            for one in arm
        )
        return cls(
            name=claim.name,
            date=datetime.now(UTC).date().isoformat(),
            matched=matched,
            arms=arms,
            effects=effects,
            says=together([one.says for one in effects]),
            hours=seconds / 3600,
            versions=versions(),
            processor=processor,
        )

    def save(self, folder: Path) -> Path:
        """Write it under the claim's name."""
        path = folder / f"{self.name}.json"
        write_json(path, asdict(self))
        return path


def _effect(said: Mapping[str, Any]) -> EffectFound:
    """As it is stored; what could have been told is counted from the differences."""
    differences = tuple(said["differences"])
    resolves = Estimate.of(differences).resolves if len(differences) > 1 else None
    return EffectFound(**{**said, "differences": differences, "resolves": resolves})


def load_result(path: Path) -> ClaimResult:
    """A stored result.

    Raises:
        ConfigError: it is none.
    """
    said: dict[str, Any] = read_json(path)
    try:
        effects = tuple(_effect(one) for one in said["effects"])
        arms = {name: tuple(figures) for name, figures in said["arms"].items()}
        return ClaimResult(**said | {"effects": effects, "arms": arms})
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no result of a claim: {error}; remove it") from None
