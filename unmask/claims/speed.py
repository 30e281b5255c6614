"""Claims on speed: how many times as fast, from the stored results of `unmask bench`."""

from __future__ import annotations

from pathlib import Path

from unmask.bench.results import Results
from unmask.bench.runner import Row, Table
from unmask.claims.effects import together
from unmask.claims.metrics import TIMES
from unmask.claims.recipe import Claim, Effect, Ratio
from unmask.claims.results import ClaimResult, EffectFound
from unmask.errors import ConfigError


def of_benchmark(claim: Claim, folder: Path) -> ClaimResult:
    """What a claim on speed comes to, by the newest results that hold its measure.

    Each round of the benchmark is a pair: both rows ran in it, one behind the other.

    Args:
        claim: one with a measure.
        folder: searched for `results.json`, in it and in its folders.

    Raises:
        ConfigError: none holds the measure, or a row of it.
    """
    assert claim.measure is not None
    results, table = _newest(claim.measure, folder)
    rows = {
        name: _row(table, name, claim)
        for ratio in claim.ratios
        for name in (ratio.of, ratio.against)
    }
    effects = tuple(_found(ratio, rows) for ratio in claim.ratios)
    return ClaimResult(
        name=claim.name,
        date=results.date[:10],
        matched=claim.matched,
        arms={
            name: tuple({"seconds": seconds} for seconds in row.seconds)
            for name, row in rows.items()
        },
        effects=effects,
        says=together([one.says for one in effects]),
        hours=sum(sum(row.seconds) for row in rows.values()) / 3600,
        versions=dict(results.versions),
        processor=str(results.hardware["processor"]),
    )


def _found(ratio: Ratio, rows: dict[str, Row]) -> EffectFound:
    of, against = rows[ratio.of], rows[ratio.against]
    if of.work != against.work:
        raise ConfigError(
            f"a ratio of times needs equal work, but {ratio.of} did {of.work:g} and "
            f"{ratio.against} {against.work:g} in a round"
        )
    times = [slow / fast for fast, slow in zip(of.seconds, against.seconds, strict=True)]
    effect = Effect(metric=TIMES, of=ratio.of, against=ratio.against, beyond=ratio.beyond)
    return EffectFound.of_differences(effect, times)


def _newest(measure: str, folder: Path) -> tuple[Results, Table]:
    """The last results with that measure."""
    stored = [_stored(path) for path in sorted(folder.glob("**/results.json"))]
    found = [
        (results, table)
        for results in stored
        if not results.quick
        for table in results.tables
        if table.measure == measure
    ]
    if not found:
        raise ConfigError(
            f"{folder} holds no results of the measure {measure}; run `unmask bench {measure} "
            f"--out {folder / measure}`, or give the folder with --benchmarks"
        )
    return max(found, key=lambda one: one[0].date)


def _stored(path: Path) -> Results:
    try:
        return Results.load(path)
    except ConfigError as error:
        raise ConfigError(
            f"{path} is no result of this version of unmask bench: {error}; move it elsewhere, or "
            "give another folder with --benchmarks"
        ) from None


def _row(table: Table, name: str, claim: Claim) -> Row:
    rows = {row.name: row for row in table.rows}
    if name not in rows:
        raise ConfigError(
            f"the claim {claim.name} asks for the row {name!r} of the measure {table.measure}, "
            f"but there are {', '.join(rows)}"
        )
    if rows[name].missing is not None:
        raise ConfigError(
            f"the claim {claim.name} asks for {name}, which was not measured: {rows[name].missing}"
        )
    return rows[name]
