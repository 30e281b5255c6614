"""How replaced-token detection fares: its figures over some steps, and when it has collapsed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unmask.objectives.rtd import DISCRIMINATOR, FOUND, GENERATOR, ORIGINAL, REPLACED
from unmask.train.loop import StepFacts
from unmask.verbs.health import Check

BLIND = 0.995  # of the loss of a discriminator that knows the share of replaced tokens alone
LOST = 0.01  # accuracy of a generator below which it has learnt nothing: "." alone is more
PERFECT = 0.95  # share of masked tokens that come back as they were


@dataclass(frozen=True, slots=True)
class Vitals:
    """Shares over some steps.

    Attributes:
        replaced: of the tokens that the discriminator is asked of, those that are another than in
            the text.
        original: of masked tokens, those that the generator's draw put back.
        guessed: of masked tokens, those that are the generator's first guess.
        accuracy: of the discriminator over these.
        recall: of replaced tokens, those that it found.
        loss: the discriminator's, in nats a token.
    """

    replaced: float
    original: float
    guessed: float
    accuracy: float
    recall: float
    loss: float

    @classmethod
    def of(cls, steps: Sequence[StepFacts]) -> Vitals:
        """Over all targets of these steps."""
        judged = sum(f.targets for f in steps)
        masked = sum(f.terms[GENERATOR]["targets"] for f in steps)
        replaced = _count(steps, REPLACED)
        return cls(
            replaced=replaced / max(judged, 1),
            original=_count(steps, ORIGINAL) / max(masked, 1),
            guessed=_mean(steps, GENERATOR, "accuracy"),
            accuracy=_mean(steps, DISCRIMINATOR, "accuracy"),
            recall=_count(steps, FOUND) / max(replaced, 1),
            loss=_mean(steps, DISCRIMINATOR, "loss"),
        )

    @property
    def base(self) -> float:
        """The accuracy of always giving the commoner answer."""
        return max(self.replaced, 1.0 - self.replaced)

    @property
    def ignorant(self) -> float:
        """The loss of a discriminator that gives every token the share of replaced ones."""
        shares = (self.replaced, 1.0 - self.replaced)
        return sum(-share * math.log(share) for share in shares if share > 0.0)


def figures(steps: Sequence[StepFacts]) -> str:
    """For the line under a run's bar."""
    v = Vitals.of(steps)
    return (
        f"replaced {v.replaced:.1%}, put back {v.original:.0%} of the masked · generator "
        f"{v.guessed:.0%} right · discriminator {v.accuracy:.1%} right (always the same: "
        f"{v.base:.1%}), finds {v.recall:.0%}"
    )


def blind(steps: Sequence[StepFacts]) -> str | None:
    """The discriminator knows no more than how many tokens are replaced."""
    v = Vitals.of(steps)
    if v.original > PERFECT or v.loss < BLIND * v.ignorant:
        return None
    return (
        f"the discriminator tells nothing apart: over the last {len(steps)} steps its loss is "
        f"{v.loss:.3f} nats, and {v.ignorant:.3f} is that of always giving the share of replaced "
        f"tokens, {v.replaced:.1%}. Its accuracy of {v.accuracy:.1%} stands beside {v.base:.1%} "
        "for always giving the commoner answer. Lower the learning rates (optim.lr=0.001 and "
        "optim.muon_lr=0.005 helped small models), train longer, or make the generator smaller "
        "(rtd.generator)"
    )


def lost(steps: Sequence[StepFacts]) -> str | None:
    """The generator fills in at random."""
    v = Vitals.of(steps)
    if v.guessed >= LOST:
        return None
    return (
        f"the generator has learnt nothing: over the last {len(steps)} steps its first guess is "
        f"right for {v.guessed:.1%} of the masked tokens. A discriminator of random tokens learns "
        "little: raise the learning rates (optim.lr, optim.muon_lr), lower rtd.weight, or make "
        "the generator larger (rtd.generator)"
    )


def perfect(steps: Sequence[StepFacts]) -> str | None:
    """The generator puts nearly everything back, and nothing is replaced."""
    v = Vitals.of(steps)
    if v.original <= PERFECT:
        return None
    return (
        f"nearly nothing is replaced: over the last {len(steps)} steps the generator put back "
        f"{v.original:.1%} of the masked tokens as they were, so that the discriminator sees "
        f"{v.replaced:.2%} replaced. Make the generator smaller (rtd.generator), or give more "
        "text: it may have learnt this one by heart"
    )


CHECKS: tuple[Check, ...] = (blind, lost, perfect)


def _count(steps: Sequence[StepFacts], name: str) -> int:
    return sum(f.counts.get(name, 0) for f in steps)


def _mean(steps: Sequence[StepFacts], term: str, figure: str) -> float:
    """Of a term's figure, over its targets."""
    targets = sum(f.terms[term]["targets"] for f in steps)
    return sum(f.terms[term][figure] * f.terms[term]["targets"] for f in steps) / max(targets, 1)
