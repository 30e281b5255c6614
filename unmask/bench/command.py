"""`benchmark`: the comparisons of this package with its peers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from unmask.bench.machine import all_versions, hardware, peaks
from unmask.bench.measure import Measure, Setting
from unmask.bench.prepare_training import most_rounds
from unmask.bench.registry import chosen
from unmask.bench.results import Results
from unmask.bench.runner import run
from unmask.bench.tables import page
from unmask.bench.verdicts import verdicts
from unmask.checkpoint.durable import write_file
from unmask.errors import ConfigError
from unmask.verbs.machine import use_threads
from unmask.verbs.watch import Silent, Watch

QUICK_ROUNDS = 2
LEAST_ROUNDS = 1
RESULTS = "results.json"


def benchmark(
    names: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    work: str | Path | None = None,
    rounds: int = 5,
    threads: int | None = None,
    quick: bool = False,
    watch: Watch | None = None,
) -> Results:
    """Measure, and write `results.json` and `results.md`.

    They are written after every measure, so that what is done is kept when a later one is stopped.

    Args:
        names: of measures; none for those of a usual run.
        out: the folder for the results, which must hold none; made. None for `benchmarks/` and the
            date and time.
        work: the folder for texts, models and logs; what is there already is used again. None for
            `work` in `out`.
        rounds: of all arms.
        threads: of every arm; None for one for each core.
        quick: few texts and two rounds, to see that it works.
        watch: is told how far it is.

    Raises:
        ConfigError: there is no measure of that name, or a number is too small, or the loops
            of a measure end before so many rounds, or `out` holds results.
    """
    if rounds < LEAST_ROUNDS:
        raise ConfigError(f"rounds must be at least {LEAST_ROUNDS}, not {rounds}")
    measures, watch = chosen(names), watch or Silent()
    _check_rounds(measures, QUICK_ROUNDS if quick else rounds)
    threads, now = use_threads(threads), datetime.now(UTC)
    folder = Path(out) if out is not None else Path("benchmarks") / f"{now:%Y-%m-%d-%H%M%S}"
    _check_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    place = (folder / "work" if work is None else Path(work)).resolve()
    setting = Setting(str(place), threads, quick)
    results = Results(
        date=now.isoformat(timespec="seconds"),
        rounds=QUICK_ROUNDS if quick else rounds,
        quick=quick,
        versions=all_versions(),
        hardware=hardware(threads),
        peaks=peaks(),
    )
    for measure in measures:
        with watch.stage(f"{measure.name}: {measure.what}") as say:
            table = run(measure, setting, results.rounds, say)
        results.tables.append(table)
        results.verdicts += verdicts(measure, table)
        results.save(folder / RESULTS)
        write_file(folder / "results.md", page(results).encode())
    return results


def _check_free(folder: Path) -> None:
    """Check before anything is measured that no results would be lost.

    They are not added to: one file is one invocation, on one machine and one commit.
    """
    if (folder / RESULTS).exists():
        raise ConfigError(
            f"the results of one invocation must not replace another's, but {folder / RESULTS} is "
            "there; name another folder with --out, or move that one away"
        )


def _check_rounds(measures: Sequence[Measure], rounds: int) -> None:
    """Check before anything is measured that every loop has steps for all rounds."""
    for measure in measures:
        most = most_rounds(measure)
        if most is not None and rounds > most:
            raise ConfigError(
                f"{measure.name} must have at most {most} rounds, not {rounds}, as its loops of "
                "training are then at their end; ask for fewer rounds, or name other measures"
            )
