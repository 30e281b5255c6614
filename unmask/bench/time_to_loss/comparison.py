"""The stages: step times, tuning, and the runs that count. Each is kept and not made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Measure, Setting
from unmask.bench.runner import run
from unmask.bench.time_to_loss.contenders import Contender
from unmask.bench.time_to_loss.pace import Origin, Pace, check_origin, step_seconds
from unmask.bench.time_to_loss.trials import Trial, Trials, tuned
from unmask.errors import ConfigError

PACE, AGAIN = "pace.json", "pace-again.json"
TUNING_SEED = 1000  # none of those that count, so that no chosen run is counted


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that counts.

    Attributes:
        spec: its arm.
        contender: whose it is.
        chosen: its tuned settings.
        share: of the whole time.
        seed: of everything random.
    """

    spec: ArmSpec
    contender: Contender
    chosen: dict[str, Any]
    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A peer with all of the time, and a loop with shares of it.

    Attributes:
        work: the working folder, as `prepare` made it.
        common: options of all arms.
        peer, own: the loops.
        minutes: the whole time.
        seeds: of the runs that count.
        rounds: of the step times.
        threads: of every arm.
        say: told what is begun and what came out.
        origin: what its figures are made with; those that are there must be made with the same.
    """

    work: Path
    common: Mapping[str, Any]
    peer: Contender
    own: Contender
    minutes: float
    seeds: tuple[int, ...]
    rounds: int
    threads: int
    say: Callable[[str], None]
    origin: Origin

    @property
    def trials(self) -> Trials:
        """The runs."""
        return Trials(self.work / "trials", self.common, self.threads, self.origin, self.say)

    def pace(self) -> Pace:
        """The step times that budgets are counted by, measured where they are not there."""
        return self._stored(PACE) or self._measured(PACE)

    def pace_again(self) -> Pace:
        """Step times measured anew, by which the report tells times; budgets stay."""
        self.pace()  # of the same origin
        return self._measured(AGAIN)

    def newest_pace(self) -> Pace:
        """The step times that were measured last: those of `pace_again`, where there are any.

        Raises:
            ConfigError: there are none.
        """
        if (first := self._stored(PACE)) is None:
            raise ConfigError(
                f"a report needs step times, but {self.work} holds none of these loops; go through "
                "the stage pace before"
            )
        return self._stored(AGAIN) or first

    def as_stored(self) -> Comparison:
        """The same with the origin of the step times that are there, whatever is installed now.

        Raises:
            ConfigError: they do not say what they were made with.
        """
        stored = Pace.load(self.work / PACE)
        return self if stored is None else replace(self, origin=stored.origin)

    def _arms(self) -> tuple[ArmSpec, ...]:
        return tuple(
            replace(spec, options={**self.common, **spec.options})
            for spec in (*self.peer.paces(), *self.own.paces())
        )

    def _stored(self, name: str) -> Pace | None:
        """The step times of a file; None where there are none of these loops."""
        path = self.work / name
        if (pace := Pace.load(path)) is None:
            return None
        check_origin(path, pace.origin, self.origin)
        same = [row.name for row in pace.table.rows] == [spec.name for spec in self._arms()]
        return pace if same else None

    def _measured(self, name: str) -> Pace:
        measure = Measure("pace", "seconds of a step", "tokens", self._arms())
        setting = Setting(str(self.work), self.threads)

        def say(share: float, words: str) -> None:
            self.say(f"pace, {share:.0%}: {words}")

        table = run(measure, setting, self.rounds, say)
        if failed := [f"{row.name}: {row.missing}" for row in table.rows if row.missing]:
            raise ConfigError(
                f"a budget needs every step time, but there is none of {'; '.join(failed)}"
            )
        pace = Pace.of(table, self.origin, self.threads)
        pace.save(self.work / name)
        return pace

    def steps(self, contender: Contender, chosen: Mapping[str, Any], share: float) -> int:
        """Steps that this share of the time has room for, at least one."""
        seconds = step_seconds(self.pace().table, contender, chosen)
        return max(1, math.floor(self.minutes * 60 * share / seconds))

    def tune(self, contender: Contender) -> dict[str, Any]:
        """The settings with the lowest held-out loss after the contender's time for tuning."""
        return self._tuned(contender, self.trials.run)

    def tuned_before(self, contender: Contender) -> dict[str, Any] | None:
        """The same by runs that were made before; None while one of them is missing."""
        try:
            return self._tuned(contender, self._made)
        except _Missing:
            return None

    def _made(self, spec: ArmSpec) -> Trial:
        if (trial := self.trials.stored(spec)) is None:
            raise _Missing
        return trial

    def _tuned(self, contender: Contender, trial: Callable[[ArmSpec], Trial]) -> dict[str, Any]:
        def loss(chosen: dict[str, Any]) -> float:
            steps = self.steps(contender, chosen, contender.tuning)
            return trial(contender.trial(chosen, steps, TUNING_SEED)).facts[LOSS]

        return tuned(contender.axes, loss)

    def planned(self) -> Iterator[Planned]:
        """The runs that count, after those of the tuning."""
        return self._planned([(one, self.tune(one)) for one in (self.peer, self.own)])

    def done(self) -> list[tuple[Planned, Trial]]:
        """The runs that were made so far; nothing is run for it.

        Raises:
            ConfigError: there are no step times.
        """
        self.newest_pace()
        tuned_so_far = [
            (one, chosen)
            for one in (self.peer, self.own)
            if (chosen := self.tuned_before(one)) is not None
        ]
        return [
            (planned, trial)
            for planned in self._planned(tuned_so_far)
            if (trial := self.trials.stored(planned.spec)) is not None
        ]

    def _planned(self, chosen: Sequence[tuple[Contender, dict[str, Any]]]) -> Iterator[Planned]:
        """Seed by seed, so that each seed done is a comparison of its own."""
        for seed in self.seeds:
            for contender, best in chosen:
                for share in contender.shares:
                    steps = self.steps(contender, best, share)
                    yield Planned(contender.trial(best, steps, seed), contender, best, share, seed)


LOSS = "held_out_loss"


class _Missing(Exception):
    """A run that is asked for was not made so far."""
