"""The stages: step times, tuning, and the runs that count. Each is kept and not made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Measure, Setting
from unmask.bench.runner import Row, Table, run
from unmask.bench.time_to_loss.contenders import Contender
from unmask.bench.time_to_loss.trials import Trial, Trials, tuned
from unmask.checkpoint.jsonfile import read_json, write_json
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

    @property
    def trials(self) -> Trials:
        """The runs."""
        return Trials(self.work / "trials", self.common, self.threads, self.say)

    def pace(self) -> Table:
        """The step times that budgets are counted by."""
        return self._pace(PACE)

    def newest_pace(self) -> Table:
        """The step times that were measured last: those of `pace_again`, where there are any."""
        return self._pace(AGAIN if (self.work / AGAIN).is_file() else PACE)

    def pace_again(self) -> Table:
        """Step times measured anew, by which the report tells times; budgets stay."""
        (self.work / AGAIN).unlink(missing_ok=True)
        return self._pace(AGAIN)

    def _pace(self, name: str) -> Table:
        arms = tuple(
            replace(spec, options={**self.common, **spec.options})
            for spec in (*self.peer.paces(), *self.own.paces())
        )
        path = self.work / name
        if path.is_file():
            said = read_json(path)
            table = Table(**{**said, "rows": [Row(**row) for row in said["rows"]]})
            if [row.name for row in table.rows] == [spec.name for spec in arms]:
                return table
        measure = Measure("pace", "seconds of a step", "tokens", arms)
        setting = Setting(str(self.work), self.threads)

        def say(share: float, words: str) -> None:
            self.say(f"pace, {share:.0%}: {words}")

        table = run(measure, setting, self.rounds, say)
        if failed := [f"{row.name}: {row.missing}" for row in table.rows if row.missing]:
            raise ConfigError(
                f"a budget needs every step time, but there is none of {'; '.join(failed)}"
            )
        write_json(path, asdict(table))
        return table

    def steps(self, contender: Contender, chosen: Mapping[str, Any], share: float) -> int:
        """Steps that this share of the time has room for, at least one."""
        seconds = step_seconds(self.pace(), contender, chosen)
        return max(1, math.floor(self.minutes * 60 * share / seconds))

    def tune(self, contender: Contender) -> dict[str, Any]:
        """The settings with the lowest held-out loss after the contender's time for tuning."""

        def loss(chosen: dict[str, Any]) -> float:
            steps = self.steps(contender, chosen, contender.tuning)
            return self.trials.run(contender.trial(chosen, steps, TUNING_SEED)).facts[LOSS]

        return tuned(contender.axes, loss)

    def planned(self) -> Iterator[Planned]:
        """The runs that count, seed by seed, so that each seed done is a comparison of its own."""
        chosen = {one.name: self.tune(one) for one in (self.peer, self.own)}
        for seed in self.seeds:
            for contender in (self.peer, self.own):
                for share in contender.shares:
                    best = chosen[contender.name]
                    steps = self.steps(contender, best, share)
                    spec = contender.trial(best, steps, seed)
                    yield Planned(spec, contender, best, share, seed)

    def done(self) -> list[tuple[Planned, Trial]]:
        """The runs that were made so far."""
        return [
            (planned, trial)
            for planned in self.planned()
            if (trial := self.trials.stored(planned.spec)) is not None
        ]


LOSS = "held_out_loss"


def step_seconds(pace: Table, contender: Contender, chosen: Mapping[str, Any]) -> float:
    """Seconds of a step with these settings, the median over rounds."""
    return float(median(pace.row(contender.pace_name(chosen)).facts["seconds_per_step"]))
