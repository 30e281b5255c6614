"""How vectors of texts fare in training, and when they have become one."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.objectives.simcse import NEAR, PAIRS, SAME
from unmask.train.loop import StepFacts
from unmask.verbs.health import Check

COLLAPSED = 0.5  # share of pairs of different texts that have nearly the same vector


def near(steps: Sequence[StepFacts]) -> float:
    """The share of pairs of different texts whose vectors are as good as the same."""
    pairs = sum(f.counts.get(PAIRS, 0) for f in steps)
    return sum(f.counts.get(NEAR, 0) for f in steps) / max(pairs, 1)


def figures(steps: Sequence[StepFacts]) -> str:
    """For the line under a run's bar."""
    targets = sum(f.targets for f in steps)
    found = sum(f.accuracy * f.targets for f in steps) / max(targets, 1)
    return (
        f"other reading found {found:.1%} among {targets / max(len(steps), 1):,.0f} texts · "
        f"{near(steps):.0%} of pairs alike"
    )


def collapsed(steps: Sequence[StepFacts]) -> str | None:
    """All texts have nearly one vector."""
    share = near(steps)
    if share <= COLLAPSED:
        return None
    return (
        f"the vectors have collapsed to one: over the last {len(steps)} steps {share:.0%} of the "
        f"pairs of different texts have a cosine above {SAME}, so that nothing can be found by "
        "them. Begin with a trained model (--from), or change the learning rate (optim.lr); with "
        "drawn weights give --set simcse.pooling=mean"
    )


CHECKS: tuple[Check, ...] = (collapsed,)
