"""A comparison's results as a file, every second of it, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unmask.bench.runner import Row, Table
from unmask.bench.verdicts import Verdict
from unmask.checkpoint.jsonfile import write_json
from unmask.errors import ConfigError

SCHEMA = 1


@dataclass(slots=True)
class Results:
    """One invocation.

    Attributes:
        date: in UTC, ISO.
        rounds: of every arm.
        quick: whether it was a smoke test, whose figures mean little.
        versions: of all that took part.
        hardware: where it ran.
        peaks: operations per second of this processor in matrix products, by precision.
        tables: what was measured.
        verdicts: what that comes to.
    """

    date: str
    rounds: int
    quick: bool
    versions: dict[str, str]
    hardware: dict[str, Any]
    peaks: dict[str, float]
    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Everything, with the version of this form."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Results:
        """The inverse of `as_json`.

        Raises:
            ConfigError: it is of another version.
        """
        if said.get("schema") != SCHEMA:
            raise ConfigError(
                f"results must be of schema {SCHEMA}, not {said.get('schema')!r}; measure again"
            )
        rest = {key: value for key, value in said.items() if key != "schema"}
        tables = [
            Table(**{**table, "rows": [Row(**row) for row in table["rows"]]})
            for table in rest.pop("tables")
        ]
        return cls(
            **rest | {"tables": tables, "verdicts": [Verdict(**one) for one in rest["verdicts"]]}
        )

    def save(self, path: Path) -> None:
        """Write the file, in one piece."""
        write_json(path, self.as_json())

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read the file.

        Raises:
            ConfigError: it is no file of results.
        """
        try:
            said = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read as results of a benchmark: {error}") from None
        return cls.from_json(said)
