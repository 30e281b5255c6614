"""Arms trained and measured, two at a time, each once; what was stopped goes on.

A process that trains ends with the one that began it, however that ends: it would go on writing to
a run that is to be continued.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.claims.arms import ArmRun, train_arm
from unmask.claims.data import ClaimData
from unmask.claims.metrics import METRICS, Measured
from unmask.claims.results import WARNED
from unmask.errors import TrainingError, UnmaskError
from unmask.verbs.watch import Silent

FIGURES, NOTES = "figures.json", "notes.txt"
LOOK_SECONDS = 1.0  # between two looks at whether the process that began this one is there
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """An arm that is wanted, and what is to be known of it.

    Attributes:
        run: the arm at a seed.
        metrics: names in `METRICS`.
    """

    run: ArmRun
    metrics: frozenset[str]


def figures_of(run: ArmRun, data: ClaimData) -> dict[str, float]:
    """What was measured of an arm so far."""
    path = run.folder(data) / FIGURES
    found: dict[str, float] = read_json(path) if path.is_file() else {}
    return found


def work(job: Job, data: ClaimData) -> dict[str, float]:
    """In a process of its own: train an arm to its end, and measure what is not measured.

    What training says of data and model stands in `notes.txt` of the arm's folder.

    Raises:
        TrainingError: a signal stopped the training, or there is nothing to measure.
    """
    import torch

    torch.set_num_threads(1)
    folder = job.run.folder(data)
    found = figures_of(job.run, data)
    noted = Noted()
    result = train_arm(job.run, data, noted)
    (folder / NOTES).write_text("".join(f"{line}\n" for line in noted.lines), encoding="utf-8")
    if not result.finished:
        raise TrainingError(f"{_named(job.run)}, was stopped; give the same command again")
    found |= {
        "steps": float(result.steps),
        "tokens": float(result.tokens),
        "seconds": result.seconds,
        "flops": result.flops,
        WARNED: float(bool(result.warnings)),
    }
    write_json(folder / FIGURES, found)
    arm = Measured(job.run, result.model, data, folder / "measured")
    for name in sorted(job.metrics - found.keys()):
        if name not in found:  # some are measured together
            begun = time.perf_counter()
            found |= METRICS[name].of(arm)
            if name not in found:
                raise TrainingError(
                    f"{_named(job.run)}, has nothing to measure as {name}, "
                    f"{METRICS[name].what}: the data hold none; take another metric"
                )
            found["measuring_seconds"] = (
                found.get("measuring_seconds", 0.0) + time.perf_counter() - begun
            )
            write_json(folder / FIGURES, found)
    return found


def end_with_parent() -> None:
    """End this process as soon as the one that began it is gone, even by `kill -9`."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        # At once: what is on the disk is whole at any time, and the run goes on from there.
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


class Noted(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, words: str) -> None:
        """A line that is kept."""
        self.lines.append(words)


def run_jobs(jobs: Sequence[Job], data: ClaimData, at_once: int, say: Say) -> Iterator[str]:
    """All jobs, each after the one that it goes on from. What fails keeps no other from its turn.

    Args:
        jobs: one for each arm and seed; the same run twice is done once.
        data: where texts and labels are, and where runs go.
        at_once: processes, of one thread each.
        say: told what is done.

    Yields:
        The key of each run whose figures are all there; first of those that were done before.

    Raises:
        TrainingError: some could not be done, at the end; or a process was killed, at once.
    """
    waiting = _merged(jobs)
    done: set[str] = {key for key, job in waiting.items() if _is_done(job, data)}
    for key in done:
        del waiting[key]
    yield from done
    total, finished = len(waiting), 0
    failed: dict[str, str] = {}
    running: dict[Future[dict[str, float]], Job] = {}
    spawn = get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=spawn, initializer=end_with_parent) as pool:
        while waiting or running:
            for key in [key for key, job in waiting.items() if _ready(job, done)]:
                if len(running) == at_once:
                    break
                job = waiting.pop(key)
                running[pool.submit(work, job, data)] = job
            if not running:  # all that is left goes on from what failed
                break
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                job = running[future]
                try:
                    figures = future.result()
                except BrokenProcessPool:
                    raise TrainingError(_killed(list(running.values()))) from None
                except UnmaskError as error:
                    failed[_named(job.run)] = str(error)
                    say(f"{_named(job.run)} failed: {error}")
                else:
                    done.add(job.run.key)
                    finished += 1
                    say(f"{finished} of {total}: {_told(job, figures)}")
                    yield job.run.key
                del running[future]
    if failed:
        first, why = next(iter(failed.items()))
        raise TrainingError(
            f"{len(failed)} of {total} arms failed, and {len(waiting)} that go on from them were "
            f"not begun; {first}: {why}"
        )


def _named(run: ArmRun) -> str:
    return f"{run.name}, seed {run.seed}"


def _killed(jobs: Sequence[Job]) -> str:
    """What to do where the system, or somebody, has killed a process."""
    arms = " or ".join(_named(job.run) for job in jobs)
    return (
        f"a process must train an arm to its end, but that of {arms} was killed, which a system "
        "does that runs out of memory; what is done is kept: give the same command again, with a "
        "lower --at-once if memory is short"
    )


def _merged(jobs: Sequence[Job]) -> dict[str, Job]:
    """One job for each run, with all metrics that are asked of it, and those it goes on from."""
    found: dict[str, Job] = {}
    for job in jobs:
        line: list[Job] = [job]
        while line[0].run.after is not None:
            line.insert(0, Job(line[0].run.after, frozenset()))
        for one in line:
            before = found.get(one.run.key)
            metrics = one.metrics | (before.metrics if before else frozenset())
            found[one.run.key] = Job(one.run, metrics)
    return found


def _is_done(job: Job, data: ClaimData) -> bool:
    return {"steps", *job.metrics} <= figures_of(job.run, data).keys()


def _ready(job: Job, done: set[str]) -> bool:
    return job.run.after is None or job.run.after.key in done


def _told(job: Job, figures: dict[str, Any]) -> str:
    shown = ", ".join(f"{name} {figures[name]:.4f}" for name in sorted(job.metrics))
    minutes = figures["seconds"] / 60
    return f"{_named(job.run)}: {shown} ({minutes:.1f} min of training)"
