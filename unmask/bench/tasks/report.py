"""What the runs come to, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from unmask.bench.machine import all_versions, hardware
from unmask.bench.tasks.compare import Ranged
from unmask.bench.tasks.found import ArmFound, TaskFound, Verdict, found
from unmask.bench.tasks.runs import Runs
from unmask.bench.tasks.task import TaskRow
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import ConfigError
from unmask.verbs.machine import processor_of

SCHEMA = 1
CPU = torch.device("cpu")


def results(runs: Runs, tasks: Sequence[TaskRow], run: bool) -> list[TaskFound]:
    """The rows of tasks, by their stored runs.

    Args:
        runs: stored.
        tasks: in order.
        run: whether runs that are missing are made.
    """
    rows = []
    for task in tasks:
        if run:
            stored = list(runs.all(task))
        else:
            every = (runs.stored(task, arm, seed) for seed, arm in runs.turns(task))
            stored = [one for one in every if one is not None]
        if stored and (row := found(task, runs.folder(task), stored)) is not None:
            rows.append(row)
    return rows


def save(path: Path, rows: Sequence[TaskFound], threads: int, device: torch.device = CPU) -> None:
    """Write `tasks.json`: rows that were measured on a device, with so many CPU threads."""
    write_json(
        path,
        {
            "schema": SCHEMA,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": all_versions(),
            "hardware": hardware(threads)
            | ({} if device == CPU else {"gpu": processor_of(device)}),
            "tasks": [asdict(row) for row in rows],
        },
    )


def load(path: Path) -> tuple[dict[str, Any], list[TaskFound]]:
    """Read a `tasks.json`: what it says of itself, and its rows.

    Raises:
        ConfigError: it is of another form.
    """
    said = read_json(path)
    if said.get("schema") != SCHEMA or "tasks" not in said:
        raise ConfigError(f"{path} must be results of unmask.bench.tasks, schema {SCHEMA}")
    rows = []
    for one in said.pop("tasks"):
        arms = [_arm_of(arm) for arm in one["arms"]]
        between = one["difference"]
        rows.append(
            TaskFound(
                **{
                    **one,
                    "arms": arms,
                    "difference": None if between is None else Ranged(**between),
                    "verdicts": [Verdict(**verdict) for verdict in one["verdicts"]],
                }
            )
        )
    return said, rows


def _arm_of(said: dict[str, Any]) -> ArmFound:
    also = {name: Ranged(**one) for name, one in said.get("also", {}).items()}
    return ArmFound(**{**said, "mean": Ranged(**said["mean"]), "also": also})
