"""The page of the results: `python -m unmask.bench.tasks.page TASKS.json ... docs/results.md`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from unmask.bench.machine import COMMIT
from unmask.bench.tasks.compare import Ranged
from unmask.bench.tasks.found import ArmFound, TaskFound
from unmask.bench.tasks.registry import TASKS
from unmask.bench.tasks.report import load
from unmask.checkpoint.durable import write_file
from unmask.errors import UnmaskError

HEAD = """\
# Results of tasks

What models fine-tuned with `unmask` are worth, beside the same pretrained model (all-MiniLM-L6-v2)
fine-tuned with other libraries on the same rows. This page is written by
`python -m unmask.bench.tasks.page` from stored runs; how they are made:
[measure against other libraries](howto/benchmark.md#tasks).
"""
TAIL = """\
A figure is the mean over seeds. Its interval, and that of a difference, holds 95 % of the
resamples, in which test rows and seeds are drawn with replacement; a difference is ours less the
peer's on the same rows and seeds. Times are seconds of training on the same threads, the median
over seeds; the ratio is the median of those within a seed, whose runs followed each other. "From
files to model" has reading, tokenising, saving and, of ours, measuring on the dev rows as well.
Where several runs shared a device, no times are told. A task has the row of a GPU only where there
is none of a CPU; all are stored under `benchmarks/`. A difference of 0 with an interval of 0 says
that both gave the same answers to all rows, not that these are good.
"""
NOT_RUN = "-"
CPU, GPU = "CPU", "GPU"


def page(stored: Sequence[tuple[dict[str, Any], list[TaskFound]]]) -> str:
    """The whole page; of a task in several results the newest of a CPU counts, or else of a GPU."""
    newest: dict[tuple[str, str], tuple[dict[str, Any], TaskFound]] = {}
    for said, found in sorted(stored, key=lambda one: str(one[0]["date"])):
        newest |= {(row.name, _on(said)): (said, row) for row in found}
    shown = {
        (name, on): found
        for (name, on), found in newest.items()
        if on == CPU or (name, CPU) not in newest
    }
    rows = [Row(on, row) for (_, on), (_, row) in sorted(shown.items(), key=_place)]
    parts = [HEAD, _table(_summary(rows)), TAIL, "## Each arm\n", _table(_arms(rows))]
    parts += ["## What was asked\n", _table(_asked(rows)), "## Where it ran\n"]
    parts.append("\n".join(dict.fromkeys(_surroundings(said) for said, _ in shown.values())))
    return "\n".join(parts).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A task's row, and what it was measured on."""

    on: str
    found: TaskFound


def _on(said: dict[str, Any]) -> str:
    """What the results were measured on."""
    return GPU if "gpu" in said["hardware"] else CPU


def _place(one: tuple[tuple[str, str], Any]) -> tuple[int, str]:
    """Of a row on the page: tasks in their order, that of the CPU first."""
    (name, on), _ = one
    known = list(TASKS)
    return (known.index(name) if name in known else len(known), on)


def _summary(rows: Sequence[Row]) -> list[list[str]]:
    head = ["task", "on", "figure", "ours", "peer", "difference (95 %)", "times as fast", "asked"]
    table = [head]
    for on, row in ((one.on, one.found) for one in rows):
        ours = row.arms[0]
        peer = row.arms[1] if row.difference is not None else None
        what = f"{row.what}{' (a quick try, which says nothing)' if row.quick else ''}"
        table.append(
            [
                what,
                on,
                row.figure,
                f"{ours.mean.value:.3f}",
                NOT_RUN if peer is None else f"{peer.mean.value:.3f} ({peer.name})",
                _difference(row),
                f"{median(row.ratios):.1f}" if row.ratios else NOT_RUN,
                _reached(row),
            ]
        )
    return table


def _difference(row: TaskFound) -> str:
    if row.difference is None:
        return NOT_RUN
    one = row.difference
    return f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def _reached(row: TaskFound) -> str:
    if not row.verdicts:
        return "not measured"
    missed = [one.what for one in row.verdicts if not one.reached]
    return f"**not**: {'; '.join(missed)}" if missed else "reached"


def _arms(rows: Sequence[Row]) -> list[list[str]]:
    table = [
        [
            "task",
            "on",
            "arm",
            "recipe",
            "figure (95 %)",
            "by seed",
            "training, s",
            "from files to model, s",
        ]
    ]
    for row in rows:
        found = row.found
        table += [[found.name, row.on, *_arm(one, found.shared)] for one in found.arms]
    return table


def _arm(one: ArmFound, shared: bool) -> list[str]:
    """An arm's cells; without times where other work ran beside it."""
    recipe = {name: value for name, value in one.recipe.items() if name != "run"}
    if not recipe["epochs"]:
        del recipe["epochs"]  # its own, or none
    return [
        one.name,
        ", ".join(f"{name} {value}" for name, value in recipe.items()) or "as it comes",
        "; ".join([_ranged(one.mean), *(f"{k} {_ranged(v)}" for k, v in one.also.items())]),
        ", ".join(f"{value:.3f}" for value in one.values),
        *(NOT_RUN if shared else f"{median(some):,.0f}" for some in (one.training, one.seconds)),
    ]


def _ranged(one: Ranged) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _asked(rows: Sequence[Row]) -> list[list[str]]:
    table = [["task", "on", "asked", "found", "reached"]]
    for row in rows:
        table += [
            [row.found.name, row.on, one.what, one.found, "yes" if one.reached else "**no**"]
            for one in row.found.verdicts
        ]
    return table


def _surroundings(said: dict[str, Any]) -> str:
    there, versions = said["hardware"], said["versions"]
    named = ", ".join(
        f"{name} {value}"
        for name, value in versions.items()
        if name != COMMIT and value != "not installed"
    )
    at = f" at commit {versions[COMMIT]}" if COMMIT in versions else ""
    gpu = f"{there['gpu']}, beside " if "gpu" in there else ""
    return (
        f"- {_on(said)}, {said['date'][:10]}{at}: {gpu}{there['processor']}, {there['threads']} "
        f"threads of {there['cores']}. {named}."
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *rest, ""])


def main(arguments: Sequence[str]) -> int:
    """Write the page, or print it; 2 where something is wrong."""
    files = [Path(name) for name in arguments if not name.endswith(".md")]
    pages = [Path(name) for name in arguments if name.endswith(".md")]
    if not files or len(pages) > 1:
        print("usage: python -m unmask.bench.tasks.page TASKS.json ... [PAGE.md]", file=sys.stderr)
        return 2
    try:
        text = page([load(path) for path in files])
        for path in pages:
            write_file(path, text.encode())
    except (UnmaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not pages:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
