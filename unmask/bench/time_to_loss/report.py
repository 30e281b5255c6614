"""What the runs come to, as `unmask bench` tells results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from statistics import mean

from unmask.bench.results import Results
from unmask.bench.runner import Row, Table
from unmask.bench.tables import page
from unmask.bench.time_to_loss.comparison import LOSS, Comparison, Planned
from unmask.bench.time_to_loss.pace import step_seconds
from unmask.bench.time_to_loss.trials import Trial
from unmask.bench.verdicts import Reached, Verdict

NAME = "time-to-loss"


def write_report(comparison: Comparison) -> Results:
    """`results.json` and `results.md` of the runs so far, in the working folder."""
    found = results(comparison)
    found.save(comparison.work / "results.json")
    (comparison.work / "results.md").write_text(page(found), "utf-8")
    return found


def results(comparison: Comparison) -> Results:
    """Step times, a row for each run, and a verdict for each share of the time."""
    done, pace = comparison.done(), comparison.newest_pace()
    shares = _shares(comparison, pace.table, done)
    rows = [_row(pace.table, shares, *one) for one in done]
    chosen = {planned.contender.name: planned.spec.options["settings"] for planned, _ in done}
    told = {"minutes": comparison.minutes, **chosen}
    return Results(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        rounds=comparison.rounds,
        quick=False,
        versions=pace.versions,
        hardware=pace.hardware,
        peaks={},
        tables=[pace.table, Table(NAME, "tokens", rows, told)],
        verdicts=[
            _verdict(comparison, share, of_the_time(shares.get(share, share)), done)
            for share in comparison.own.shares
        ],
    )


def of_the_time(share: float) -> str:
    """A share in words: a simple fraction where it is one to a thousandth, percent otherwise."""
    part = Fraction(share).limit_denominator(10)
    if abs(part - share) > 0.001:
        return f"{share:.1%} of the time"
    return "all of the time" if part == 1 else f"{part} of the time"


def _minutes(pace: Table, planned: Planned, trial: Trial) -> float:
    """A run's time by the step time."""
    return trial.facts["step"] * step_seconds(pace, planned.contender, planned.chosen) / 60


def _shares(
    comparison: Comparison, pace: Table, done: list[tuple[Planned, Trial]]
) -> dict[float, float]:
    """By planned share of the time, what our runs took over what the peer's took, by this pace.

    Empty where one of the two has no run.
    """
    found: dict[tuple[str, float], float] = {
        (planned.contender.name, planned.share): _minutes(pace, planned, trial)
        for planned, trial in done  # of every seed the same
    }
    whole = found.get((comparison.peer.name, 1.0))
    own = [(share, found.get((comparison.own.name, share))) for share in comparison.own.shares]
    return {share: took / whole for share, took in own if took is not None and whole is not None}


def _row(pace: Table, shares: Mapping[float, float], planned: Planned, trial: Trial) -> Row:
    """A run: its figures, and its time by the step time."""
    facts = {**trial.facts, "minutes": _minutes(pace, planned, trial)}
    del facts["seconds_per_step"]  # by the clock, with whatever else the machine did
    share = shares.get(planned.share, planned.share)
    name = f"{planned.contender.name}, {of_the_time(share)}, seed {planned.seed}"
    return Row(name, trial.work, [trial.seconds], {key: [value] for key, value in facts.items()})


def _losses(done: list[tuple[Planned, Trial]], name: str, share: float) -> dict[int, float]:
    """Held-out losses by seed."""
    return {
        planned.seed: trial.facts[LOSS]
        for planned, trial in done
        if planned.contender.name == name and planned.share == share
    }


def _verdict(
    comparison: Comparison, share: float, words: str, done: list[tuple[Planned, Trial]]
) -> Verdict:
    """Whether the mean loss in this share of the time is at most the peer's in all of it."""
    peer, own = comparison.peer.name, comparison.own.name
    theirs, ours = _losses(done, peer, 1.0), _losses(done, own, share)
    first = mean(theirs.values()) if theirs else None
    value = mean(ours.values()) if ours else None
    note = f"{len(ours)} seeds against {len(theirs)} of {len(comparison.seeds)}"
    reached: Reached = "not measured"
    if value is not None and first is not None:
        reached = "first" if value <= first else "no"
        above = [str(seed) for seed, loss in ours.items() if loss > first]
        note += f", above it: seed {' and '.join(above)}" if above else ", each at or below"
    return Verdict(
        measure=NAME,
        what=f"held-out loss of pretraining in {words}",
        value=value,
        low=min(ours.values(), default=None),
        high=max(ours.values(), default=None),
        unit="nats",
        against=f"{peer} in all of it, mean",
        first=first,
        aim=None,
        below=True,
        reached=reached,
        note=note,
    )
