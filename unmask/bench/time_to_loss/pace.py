"""Step times in a file, and what stored figures were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from unmask.bench.machine import COMMIT, all_versions, hardware
from unmask.bench.runner import Row, Table
from unmask.bench.time_to_loss.contenders import Contender
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import ConfigError

Origin = Mapping[str, Any]
"""What a figure was made with, as far as it changes with it."""
PACKAGES = ("unmask", COMMIT, "torch", "transformers")
NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Pace:
    """Measured step times.

    Attributes:
        origin: what they were made with.
        versions, hardware: all of them, to be told.
        table: the step times.
    """

    origin: Origin
    versions: dict[str, str]
    hardware: dict[str, Any]
    table: Table

    @classmethod
    def of(cls, table: Table, origin: Origin, threads: int) -> Pace:
        """Step times that were measured here."""
        return cls(origin, all_versions(), hardware(threads), table)

    @classmethod
    def load(cls, path: Path) -> Pace | None:
        """Those of a file; None where there is none.

        Raises:
            ConfigError: an older version made it, which did not write what it was made with.
        """
        if not path.is_file():
            return None
        said = read_json(path)
        if "origin" not in said:
            raise ConfigError(f"{path} does not say what it was made with; name another --work")
        table = said["table"]
        rows = [Row(**row) for row in table["rows"]]
        return cls(**said | {"table": Table(**table | {"rows": rows})})

    def save(self, path: Path) -> None:
        """Write the file."""
        write_json(path, asdict(self))


def origin_here(threads: int) -> dict[str, Any]:
    """What figures of this process are made with."""
    versions, there = all_versions(), hardware(threads)
    told = {name: versions.get(name, NOTHING) for name in PACKAGES}
    return {"threads": threads, "processor": there["processor"], **told}


def check_origin(path: Path, made: Origin, wanted: Origin) -> None:
    """Check that a stored figure may stand beside those that are wanted.

    Raises:
        ConfigError: it was made with something else.
    """
    if differing := [
        f"{name} {made.get(name, NOTHING)} instead of {value}"
        for name, value in wanted.items()
        if made.get(name, NOTHING) != value
    ]:
        raise ConfigError(
            f"figures of one comparison must all be made alike, but {path} was made with "
            f"{', '.join(differing)}; name another --work to begin anew"
        )


def step_seconds(pace: Table, contender: Contender, chosen: Mapping[str, Any]) -> float:
    """Seconds of a step with these settings, the median over rounds."""
    return float(median(pace.row(contender.pace_name(chosen)).facts["seconds_per_step"]))
