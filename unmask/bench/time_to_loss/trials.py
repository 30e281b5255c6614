"""Runs that are made once, each kept in a file: what was killed goes on behind the last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unmask.bench.arm import ArmSpec, as_file_name
from unmask.bench.process import ArmProcess
from unmask.bench.time_to_loss.contenders import Axes
from unmask.bench.time_to_loss.pace import Origin, check_origin
from unmask.checkpoint.jsonfile import read_json, write_json

LIMIT = 6 * 3600.0  # seconds of one run; only a process that hangs takes as long


@dataclass(frozen=True, slots=True)
class Trial:
    """One run to its end.

    Attributes:
        name: of its arm.
        make, options: what it was made with; they tell it from others.
        seconds: what it took by the clock.
        work: how much it read, in tokens.
        facts: other figures.
        origin: what it was made with that tells it from no other, but must not change between
            them, such as versions.
    """

    name: str
    make: str
    options: dict[str, Any]
    seconds: float
    work: float
    facts: dict[str, float] = field(default_factory=dict)
    origin: Origin = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trials:
    """The runs of a comparison.

    Attributes:
        folder: for their files; made.
        common: options of all arms that do not tell one from another, such as a folder.
        threads: of each.
        origin: what they are made with.
        say: told what is begun and what came out.
    """

    folder: Path
    common: Mapping[str, Any]
    threads: int
    origin: Origin
    say: Callable[[str], None]

    def stored(self, spec: ArmSpec) -> Trial | None:
        """A run that was made before; None where there is none.

        Raises:
            ConfigError: it was made with something else than the others.
        """
        path = self._file(spec)
        if not path.is_file():
            return None
        trial = Trial(**read_json(path))
        check_origin(path, trial.origin, self.origin)
        return trial

    def run(self, spec: ArmSpec) -> Trial:
        """A run, from its file or made now in a process of its own.

        Raises:
            NotMeasured: it could not be made or failed.
        """
        if (before := self.stored(spec)) is not None:
            return before
        self.say(f"{spec.name}: {json.dumps(spec.options)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self._file(spec).with_suffix(".log")
        arm = ArmProcess(spec, self.common, self.threads, log, LIMIT)
        try:
            measured = arm.run()
        finally:
            arm.close()
        facts = {name: float(value) for name, value in measured.facts.items()}
        trial = Trial(
            spec.name,
            spec.make,
            dict(spec.options),
            measured.seconds,
            measured.work,
            facts,
            self.origin,
        )
        write_json(self._file(spec), asdict(trial))
        shown = ", ".join(f"{name} {value:.5g}" for name, value in facts.items())
        self.say(f"{spec.name}: {shown}, {measured.seconds:.0f} s")
        return trial

    def _file(self, spec: ArmSpec) -> Path:
        words = json.dumps([spec.make, spec.options], sort_keys=True)
        digest = hashlib.sha256(words.encode()).hexdigest()[:12]
        return self.folder / f"{as_file_name(spec.name)}-{digest}.json"


def tuned(axes: Axes, loss: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    """The best settings, one axis after the other, each from the best of those before.

    It begins at the first value of each axis.
    """
    best = {name: values[0] for name, values in reversed(axes)}
    for name, values in axes:
        best = min(({**best, name: value} for value in values), key=loss)
    return best
