"""A measure: its arms, what is held against what, and which figures are to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unmask.bench.arm import ArmSpec

RATE = "rate"
"""Work per second: the figure of an arm that names no other."""
SECONDS = "seconds"
"""Seconds of a run."""


@dataclass(frozen=True, slots=True)
class Alike:
    """What else a ratio counts under: a fact, such as a loss, that is no worse than the other's.

    Attributes:
        fact: its name; that of the last round counts.
        most: by how much it may be worse.
        more: whether more of it is better.
    """

    fact: str
    most: float
    more: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times better one arm is than another, by rounds.

    Attributes:
        what: as it stands in the table, such as "embed, bf16".
        of: the arm that is to be better.
        against: names of arms; the best of those that were measured is taken.
        first: the ratio to reach; None where it is only reported.
        aim: the ratio to aim at beyond; None for none.
        figure: `RATE`, of which more is better, or `SECONDS` or the name of a fact, of which less
            is.
        given: what else it counts under; None for nothing.
    """

    what: str
    of: str
    against: tuple[str, ...]
    first: float | None = None
    aim: float | None = None
    figure: str = RATE
    given: Alike | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure of one arm that is not to exceed something.

    Attributes:
        what: as it stands in the table.
        of: the arm.
        figure: `SECONDS` or the name of a fact.
        first: what it is to stay below; None where it is only reported.
        aim: what to aim at beyond; None for none.
        unit: behind the number, such as "s".
    """

    what: str
    of: str
    figure: str
    first: float | None = None
    aim: float | None = None
    unit: str = ""


Goal = Ratio | Bound


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well an arm's outputs have to agree with the reference for its speed to count.

    Attributes:
        smallest: least cosine of any output.
        mean: least mean cosine; -1 where only the smallest counts.
    """

    smallest: float
    mean: float = -1.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is compared.

    Attributes:
        name: on the command line.
        what: in words.
        unit: of work, such as "tokens".
        arms: in the order in which they run.
        goals: what is to be reached, one row of the table each.
        reference: the arm whose outputs the others are held against; by arm, where they are not
            all held against the same one; None where none are.
        agreement: by arm, for arms that promise it.
        prepare: "module:function" that is called once, in a process of its own, with a `Setting`,
            and returns further options for all arms, JSON; None for none. It makes what the arms
            share: texts, models, files.
        warm_up: untimed runs before the first round.
        before: untimed runs right before each that is timed. An arm that has waited for the others
            has to bring its memory back first, and a run of a few seconds is too short to hide it.
        cold: arms that have none of these, as a run takes minutes; they warm up on less when they
            are made.
        fewer: by arm, the most rounds it runs in; for peers that take minutes.
        limit: seconds after which a single run, or the making of an arm, is given up.
        default: whether it runs when no names are given.
    """

    name: str
    what: str
    unit: str
    arms: tuple[ArmSpec, ...]
    goals: tuple[Goal, ...] = ()
    reference: str | Mapping[str, str] | None = None
    agreement: Mapping[str, Agreement] = field(default_factory=dict)
    prepare: str | None = None
    warm_up: int = 1
    before: int = 0
    cold: frozenset[str] = frozenset()
    fewer: Mapping[str, int] = field(default_factory=dict)
    limit: float = 1800.0
    default: bool = True

    def reference_of(self, arm: str) -> str | None:
        """The arm whose outputs those of this one are held against; None for none."""
        if isinstance(self.reference, Mapping):
            return self.reference.get(arm)
        return self.reference


@dataclass(frozen=True, slots=True)
class Setting:
    """What a measure is prepared for.

    Attributes:
        work: folder for texts, models and exports, an absolute path; may hold those of a run
            before.
        threads: of every arm.
        quick: whether a smoke test is wanted rather than figures.
    """

    work: str
    threads: int
    quick: bool = False
