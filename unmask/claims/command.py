"""`unmask claims`: the list, a run, the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from unmask.claims.arms import ArmRun, runs_of, tokenizer_of
from unmask.claims.data import TEXTS, TRAIN, ClaimData
from unmask.claims.metrics import METRICS
from unmask.claims.recipe import Claim, all_claims, chosen
from unmask.claims.results import ClaimResult, load_result
from unmask.claims.running import Job, Say, figures_of, run_jobs
from unmask.claims.speed import of_benchmark
from unmask.errors import ConfigError
from unmask.verbs.machine import processor_of, resolve_device

SEEDS, AT_ONCE = 5, 2
BENCHMARKS = "benchmarks"
Runs = Mapping[tuple[str, int], ArmRun]


def run_claims(
    names: list[str],
    *,
    data: str | Path | None = None,
    out: str | Path,
    work: str | Path,
    benchmarks: str | Path = BENCHMARKS,
    minutes_per_model: float | None = None,
    seeds: int = SEEDS,
    at_once: int = AT_ONCE,
    device: str = "cpu",
    say: Say = print,
) -> list[ClaimResult]:
    """Train what the claims compare, measure it, and store the results.

    Started again, it goes on: arms that are done are not trained again, and an arm that was stopped
    resumes. Arms that two claims have in common are trained once. A claim is stored as soon as all
    of its arms are done.

    Args:
        names: of claims, or files ending in .toml.
        data: folder of the texts and labels; claims on speed need none.
        out: folder for the results, a JSON file a claim.
        work: folder for runs, several gigabytes.
        benchmarks: folder of stored results of `unmask bench`, for claims on speed.
        minutes_per_model: of training on one core, measured when a run begins; None for the tokens
            that the claims say.
        seeds: of every arm, paired.
        at_once: arms that are trained at a time, on one core each.
        device: where they are trained and measured. What was done on another is not used.
        say: told of each arm that is done.

    Raises:
        ConfigError: there is no such claim, it has nothing that could be run here, no benchmark
            has measured what it says, there is no such device, or a longer run's result would be
            replaced.
        DataError: a text or table is missing, or what is in `work` was made of others.
        TrainingError: an arm could not be trained; claims without it are stored.
    """
    wanted = [_testable(chosen(name)) for name in names]
    timed = [claim for claim in wanted if claim.measure is not None]
    claims = [claim for claim in wanted if claim.measure is None]
    if seeds < 1 or at_once < 1:
        raise ConfigError(f"seeds and at-once must be at least 1, not {seeds} and {at_once}")
    if claims and data is None:
        raise ConfigError(
            f"{claims[0].name} trains its arms on text; give the folder of text and labels, --data"
        )
    for claim in claims:
        _check_no_better(claim, Path(out), seeds, minutes_per_model)
    there = resolve_device(device)
    where = ClaimData(Path(data or "."), Path(work))
    found = {claim.name: of_benchmark(claim, Path(benchmarks)) for claim in timed}
    for result in found.values():
        result.save(Path(out))
    runs = {claim.name: runs_of(claim, seeds, minutes_per_model, str(there)) for claim in claims}
    jobs = [Job(run, _metrics(claim)) for claim in claims for run in runs[claim.name].values()]
    _make_ready(claims, where)
    done: set[str] = set()
    for key in run_jobs(jobs, where, at_once, say):
        done.add(key)
        for claim in claims:
            keys = {run.key for run in runs[claim.name].values()}
            if claim.name in found or not keys <= done:
                continue
            # As soon as it is known: the arms of the others take hours.
            result = _result(claim, runs[claim.name], where, minutes_per_model, there)
            result.save(Path(out))
            found[claim.name] = result
    return [found[claim.name] for claim in wanted]


def _check_no_better(claim: Claim, out: Path, seeds: int, minutes: float | None) -> None:
    """Refuse to put the result of a trial in the place of that of a longer run."""
    path = out / f"{claim.name}.json"
    if not path.is_file():
        return
    stored = load_result(path)
    before = max(len(figures) for figures in stored.arms.values())
    shorter = minutes is not None and stored.matched != "seconds"
    if seeds < before or shorter:
        what = f"{before} seeds" if seeds < before else f"arms matched by {stored.matched}"
        raise ConfigError(
            f"{path} holds a result of {what}, which that of a shorter run would replace; give "
            "another folder with --out, or remove it"
        )


def _result(
    claim: Claim, runs: Runs, data: ClaimData, minutes: float | None, device: torch.device
) -> ClaimResult:
    """From the stored figures of all its runs."""
    figures = {run.key: figures_of(run, data) for run in runs.values()}
    matched = claim.matched if minutes is None else "seconds"
    return ClaimResult.of(claim, runs, figures, matched, processor_of(device))


def _make_ready(claims: Sequence[Claim], data: ClaimData) -> None:
    """Make all that arms and metrics read, before any process reads it."""
    if not claims:
        return
    # What takes longest comes last: it is not begun where something else is wrong.
    for name in sorted(frozenset().union(*map(_metrics, claims))):
        with data.noted(METRICS[name].sources):
            METRICS[name].reads(data)
    for text in sorted({arm.text for claim in claims for arm in claim.arms}):
        with data.noted(TEXTS[text]):
            data.text(text)
    with data.noted((TRAIN,)):
        tokenizer_of(data)


def runnable() -> list[str]:
    """Names of the claims that can be tested here."""
    return [name for name, claim in all_claims().items() if claim.untestable is None]


def _testable(claim: Claim) -> Claim:
    if claim.untestable is not None:
        raise ConfigError(f"{claim.name} is not testable here: {claim.untestable}")
    return claim


def _metrics(claim: Claim) -> frozenset[str]:
    """All that the effects of a claim compare.

    Raises:
        ConfigError: there is no such metric.
    """
    names = {
        name
        for effect in claim.effects
        for name in (effect.metric, effect.minus)
        if name is not None
    }
    if unknown := sorted(names - METRICS.keys()):
        raise ConfigError(
            f"the claim {claim.name} has the metric {unknown[0]!r}, but there are "
            f"{', '.join(METRICS)}"
        )
    return frozenset(names)
