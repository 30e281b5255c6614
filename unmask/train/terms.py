"""The terms of a loss over the batches of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from unmask.objectives.targets import Asked, Losses


@dataclass(slots=True)
class Term:
    """One term, summed over batches.

    Attributes:
        targets: in all batches of the step.
        total: of the losses so far, in nats.
        hits: right first guesses so far.
        weight: of the mean in the whole loss.
    """

    targets: int
    total: float = 0.0
    hits: int = 0
    weight: float = 1.0

    @property
    def mean(self) -> float:
        """Over targets, in nats."""
        return self.total / max(self.targets, 1)

    @property
    def share(self) -> float:
        """Of hits."""
        return self.hits / max(self.targets, 1)

    def facts(self) -> dict[str, float]:
        """For the log."""
        return {"targets": self.targets, "loss": self.mean, "accuracy": self.share}


@dataclass(slots=True)
class StepTerms:
    """What a step's batches come to.

    Attributes:
        terms: by name, the main one first.
        counts: what the model did to the tokens.
    """

    terms: dict[str, Term]
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Iterable[Asked]) -> StepTerms:
        """The terms that the tasks ask for, nothing summed yet."""
        return cls({name: Term(count) for name, count in added(t.targets for t in tasks).items()})

    @property
    def main(self) -> Term:
        """The objective's main term."""
        return next(iter(self.terms.values()))

    @property
    def heaviest(self) -> float:
        """The largest weight of a term, at least 1: as much longer may the whole gradient be."""
        return max([1.0, *(term.weight for term in self.terms.values())])

    @property
    def mean(self) -> float:
        """The whole loss: the weighted sum of the terms' means."""
        return sum(term.weight * term.mean for term in self.terms.values())

    def add(self, losses: Losses) -> torch.Tensor:
        """Sum up one batch; its share of the whole loss, 0-d, to take gradients of."""
        parts = []
        for name, loss in losses.terms.items():
            term = self.terms[name]
            parts.append(loss.total * (loss.weight / max(term.targets, 1)))
            term.weight = loss.weight
            term.total += loss.total.item()
            term.hits += int(loss.hits)
        self.counts = added((self.counts, {k: int(v) for k, v in losses.counts.items()}))
        return torch.stack(parts).sum()

    def facts(self) -> dict[str, dict[str, float]]:
        """Each term for the log, where there are several."""
        several = len(self.terms) > 1
        return {name: term.facts() for name, term in self.terms.items()} if several else {}


def added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts summed by name."""
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total
