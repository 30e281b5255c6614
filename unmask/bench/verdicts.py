"""What the figures come to: each goal of a measure, and whether it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

from unmask.bench.measure import RATE, Agreement, Alike, Bound, Goal, Measure, Ratio
from unmask.bench.runner import Row, Table

Reached = Literal["aim", "first", "no", "only measured", "does not count", "not measured"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One goal and what was found.

    Attributes:
        measure: name of the measure.
        what: as it stands in the table.
        value: the figure, the median over rounds; None where it was not measured.
        low: least of all rounds.
        high: greatest of all rounds.
        unit: behind the figure; "×" for a ratio.
        against: the arm of a ratio that it was held against.
        first: what is to be reached.
        aim: what is aimed at.
        below: whether the figure has to stay below those, rather than above.
        reached: which of them is.
        note: why not, where speed is not what is missing, or what else it counts under.
        cosine: the smallest of what it was held against to the reference; None where there is none.
        cosine_mean: the mean of it.
        own_cosine, own_cosine_mean: the same of the arm that the goal is of.
        rounds: that the figure is of; None in results that do not say it.
    """

    measure: str
    what: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    against: str | None
    first: float | None
    aim: float | None
    below: bool
    reached: Reached
    note: str = ""
    cosine: float | None = None
    cosine_mean: float | None = None
    own_cosine: float | None = None
    own_cosine_mean: float | None = None
    rounds: int | None = None


def verdicts(measure: Measure, table: Table) -> list[Verdict]:
    """One for each goal, in their order."""
    return [_verdict(measure, goal, table) for goal in measure.goals]


def judged_anew(measure: Measure, table: Table, stored: list[Verdict]) -> list[Verdict]:
    """What stored seconds come to by the rules of today; as it was, where arms are others now."""
    there = {row.name for row in table.rows}
    asked = {name for goal in measure.goals for name in (goal.of, *getattr(goal, "against", ()))}
    return verdicts(measure, table) if asked <= there else stored


def paired(of: Row, against: Row, figure: str) -> list[float]:
    """How many times better `of` is, in each round that both ran in."""
    pairs = zip(of.values(figure), against.values(figure), strict=False)
    if figure == RATE:
        return [a / b for a, b in pairs]
    return [b / a for a, b in pairs]


def best(rows: list[Row], figure: str) -> Row | None:
    """The row with the best median; None where none was measured."""
    measured = [row for row in rows if row.values(figure)]
    if not measured:
        return None
    sign = -1 if figure == RATE else 1
    return min(measured, key=lambda row: sign * median(row.values(figure)))


def _verdict(measure: Measure, goal: Goal, table: Table) -> Verdict:
    row, against = table.row(goal.of), None
    if isinstance(goal, Ratio):
        against = best([table.row(name) for name in goal.against], goal.figure)
        values = paired(row, against, goal.figure) if against is not None else []
    else:
        values = row.values(goal.figure)
    below, unit = isinstance(goal, Bound), "×" if isinstance(goal, Ratio) else goal.unit
    value = median(values) if values else None
    reached, note = _reached(goal, value, below), ""
    if value is None:
        note = row.missing or "nothing was measured that it could be held against"
    else:
        counts, note = _condition(measure, goal, row, against)
        if not counts:
            reached = "does not count" if goal.first is None else "no"
    return Verdict(
        measure=measure.name,
        what=goal.what,
        value=value,
        low=min(values, default=None),
        high=max(values, default=None),
        unit=unit,
        against=None if against is None else against.name,
        first=goal.first,
        aim=goal.aim,
        below=below,
        reached=reached,
        note=note,
        cosine=None if against is None else against.smallest,
        cosine_mean=None if against is None else against.mean,
        own_cosine=row.smallest,
        own_cosine_mean=row.mean,
        rounds=len(values),
    )


def _reached(goal: Goal, value: float | None, below: bool) -> Reached:
    if value is None:
        return "not measured"
    if goal.first is None:
        return "only measured"
    sign = -1 if below else 1
    if goal.aim is not None and sign * value >= sign * goal.aim:
        return "aim"
    return "first" if sign * value >= sign * goal.first else "no"


def _condition(measure: Measure, goal: Goal, row: Row, against: Row | None) -> tuple[bool, str]:
    """Whether the figure counts, whatever it is, and what there is to tell of that."""
    if note := _disagreement(measure.agreement.get(goal.of), row):
        return False, note
    if isinstance(goal, Ratio) and goal.given is not None and against is not None:
        return _alike(goal.given, row, against)
    return True, ""


def _alike(given: Alike, row: Row, against: Row) -> tuple[bool, str]:
    """Whether what else the ratio counts under holds, and both figures in words."""
    ours, theirs = row.values(given.fact), against.values(given.fact)
    if not ours or not theirs:
        return False, f"no {given.fact} was measured"
    worse = theirs[-1] - ours[-1] if given.more else ours[-1] - theirs[-1]
    words = f"{given.fact.replace('_', ' ')} {ours[-1]:.3f} and {theirs[-1]:.3f}"
    if worse <= given.most:
        return True, words
    return False, f"{words}, worse by more than {given.most:g}"


def _disagreement(wanted: Agreement | None, row: Row) -> str:
    """What is wrong with the outputs; "" for nothing."""
    if wanted is None:
        return ""
    if row.smallest is None or row.mean is None:
        return "its outputs could not be held against the reference"
    if row.smallest < wanted.smallest:
        return f"smallest cosine {row.smallest:.7f}, below {wanted.smallest}"
    if row.mean < wanted.mean:
        return f"mean cosine {row.mean:.7f}, below {wanted.mean}"
    return ""
