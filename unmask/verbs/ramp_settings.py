"""Ramps: settings that change in the course of a run, which is then made of stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from unmask.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run.

    Attributes:
        begin, end: the shares of the run's updates that are done when it begins and ends.
        context: longest sequence, in tokens.
        tokens_per_step: tokens of one update.
    """

    begin: Fraction
    end: Fraction
    context: int
    tokens_per_step: int

    @property
    def share(self) -> Fraction:
        """Of the run's updates."""
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True, slots=True)
class RampSettings:
    """Attributes:
    context: longest sequence in each stage of the run, in tokens, such as [128, 512]; the longest
        of them is `model.context`. It stays the same where this is None.
    tokens_per_step: tokens of one update in each stage; the most is `budget.tokens_per_step`. It
        stays the same where this is None.
    shares: of the run's updates in each stage, together 1; None for equal ones.
    """

    context: tuple[int, ...] | None = None
    tokens_per_step: tuple[int, ...] | None = None
    shares: tuple[float, ...] | None = None

    def stages(self, context: int, tokens_per_step: int) -> tuple[Stage, ...]:
        """The parts of a run, a single one where nothing changes.

        Args:
            context, tokens_per_step: of the run.

        Raises:
            ConfigError: lists that do not fit together, shares that are no parts of a whole, or
                the run's own values are passed or never reached.
        """
        count = self._count()
        shares = self._shares(count)
        contexts = _reaching(self.context, count, "ramp.context", "model.context", context)
        tokens = _reaching(
            self.tokens_per_step, count, "ramp.tokens_per_step", "budget.tokens_per_step",
            tokens_per_step,
        )  # fmt: skip
        # The last ends with the run, also where decimals add up to a hair less.
        ends = (*tuple(accumulate(shares))[:-1], Fraction(1))
        return tuple(map(Stage, (Fraction(0), *ends[:-1]), ends, contexts, tokens))

    @property
    def length(self) -> str:
        """The option that says how long sequences are, for remedies."""
        return "--context" if self.context is None else "--set ramp.context"

    @property
    def size(self) -> str:
        """The option that says how many tokens an update has, for remedies."""
        room = "budget" if self.tokens_per_step is None else "ramp"
        return f"--set {room}.tokens_per_step"

    def _count(self) -> int:
        """How many stages there are."""
        given = {
            f"ramp.{name}": values
            for name in ("context", "tokens_per_step", "shares")
            if (values := getattr(self, name)) is not None
        }
        if not given:
            return 1
        told = " and ".join(f"{name}={list(values)}" for name, values in given.items())
        if given.keys() == {"ramp.shares"}:
            raise ConfigError(
                f"{told} would do nothing: it is the stages of ramp.context and "
                "ramp.tokens_per_step that have shares; give one of these, or leave it out"
            )
        counts = {len(values) for values in given.values()}
        if len(counts) > 1 or min(counts) < 2:
            raise ConfigError(
                "a ramp has two stages or more, and its lists a value for each of them, but there "
                f"are {told}; give lists of one length, or none of them"
            )
        return counts.pop()

    def _shares(self, count: int) -> tuple[Fraction, ...]:
        """The share of each stage, as exact as it was typed."""
        if self.shares is None:
            return (Fraction(1, count),) * count
        total = sum(self.shares)  # math.fsum raises where some are infinite
        # Above zero is asked first of all: nothing else is said of a NaN.
        if not all(share > 0.0 for share in self.shares) or not abs(total - 1.0) < 1e-6:
            raise ConfigError(
                "the shares of a ramp's stages must be above 0 and add up to 1, but "
                f"ramp.shares={list(self.shares)} add up to {total:.6g}; correct them, or leave "
                "them out for equal ones"
            )
        return tuple(Fraction(str(share)) for share in self.shares)


def _reaching(
    values: tuple[int, ...] | None, count: int, name: str, whole: str, most: int
) -> tuple[int, ...]:
    """A value for each stage, none beyond that of the run, and one that reaches it."""
    if values is None:
        return (most,) * count
    if min(values) < 1 or max(values) != most:
        raise ConfigError(
            f"a ramp's values must be above 0, and the largest the run's own, but {name} is "
            f"{list(values)} and {whole} {most}; give both the same largest value"
        )
    return values


def first_steps(stages: Sequence[Stage], steps: int) -> tuple[int, ...]:
    """The first step of each stage, counted from 0: the earliest at which its share begins.

    Raises:
        ConfigError: a stage has none.
    """
    firsts = tuple(math.ceil(stage.begin * steps) for stage in stages)
    for number, (first, end) in enumerate(zip(firsts, (*firsts[1:], steps), strict=True)):
        if first >= end:
            raise ConfigError(
                f"each stage of a ramp needs a step, but stage {number + 1} of {len(stages)}, a "
                f"share of {float(stages[number].share):.3g}, has none in a run of {steps}; give a "
                "longer run or larger shares"
            )
    return firsts
