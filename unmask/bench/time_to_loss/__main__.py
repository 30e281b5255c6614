"""The command line: `python -m unmask.bench.time_to_loss --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from unmask.bench.process import NotMeasured
from unmask.bench.tables import page
from unmask.bench.time_to_loss import __doc__ as about
from unmask.bench.time_to_loss.arms import prepare
from unmask.bench.time_to_loss.comparison import Comparison
from unmask.bench.time_to_loss.contenders import OWN, PEER
from unmask.bench.time_to_loss.pace import origin_here
from unmask.bench.time_to_loss.report import write_report
from unmask.errors import UnmaskError
from unmask.verbs.machine import use_threads

STAGES = ("prepare", "pace", "tune", "train", "report", "pace-again")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "time_to_loss", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "stage",
        nargs="?",
        choices=STAGES,
        default="train",
        help="How far to go, with what it needs before; report only tells what is there, "
        "pace-again measures the step times anew for it. Default: train.",
    )
    parser.add_argument("--text", type=Path, required=True, help="To learn, a paragraph a line.")
    parser.add_argument("--held-out", type=Path, required=True, help="The same, to be asked for.")
    parser.add_argument("--work", type=Path, required=True, help="Folder for all that is made.")
    parser.add_argument("--minutes", type=float, default=20.0, help="The peer's time. Default: 20.")
    parser.add_argument("--size", default="mini", help="Of both models. Default: mini.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="Default: 0 1 2.")
    parser.add_argument("--rounds", type=int, default=7, help="Of step times. Default: 7.")
    parser.add_argument("--threads", type=int, help="Default: one for each core.")
    return parser


def _say(words: str) -> None:
    print(words, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Go as far as the stage says; 2 where something is wrong."""
    given = _parser().parse_args(arguments)
    try:
        work = given.work.resolve()
        threads = use_threads(given.threads)
        comparison = Comparison(
            work=work,
            common=prepare(work, given.text, given.held_out, given.size),
            peer=PEER,
            own=OWN,
            minutes=given.minutes,
            seeds=tuple(given.seeds),
            rounds=given.rounds,
            threads=threads,
            say=_say,
            origin=origin_here(threads),
        )
        go(comparison, given.stage)
    except (UnmaskError, NotMeasured) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def go(comparison: Comparison, stage: str) -> None:
    """One stage, with what it needs before."""
    if stage == "pace":
        comparison.pace()
    if stage == "pace-again":
        comparison.pace_again()
    if stage == "tune":
        for contender in (comparison.peer, comparison.own):
            _say(f"chosen for {contender.name}: {comparison.tune(contender)}")
    if stage == "train":
        for planned in comparison.planned():
            comparison.trials.run(planned.spec)
            write_report(comparison)  # what is done is told when a later run is stopped
        _say(page(write_report(comparison)))
    if stage == "report":
        _say(page(write_report(comparison.as_stored())))


if __name__ == "__main__":
    sys.exit(main())
