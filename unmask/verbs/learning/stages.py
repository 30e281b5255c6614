"""What a run reads in its stages: the same text, in sequences and steps of another size in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from unmask.batches.stages import Part, Staged
from unmask.train.loop import StepFacts
from unmask.verbs.ramp_settings import Stage, first_steps


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a run.

    Attributes:
        stages: what each is.
        parts: what each reads.
    """

    stages: tuple[Stage, ...]
    parts: tuple[Part, ...]

    def firsts(self, steps: int) -> tuple[int, ...]:
        """The first step of each stage in a run of so many, counted from 0.

        Raises:
            ConfigError: a stage has none.
        """
        return first_steps(self.stages, steps)

    def over(self, steps: int, accumulate: int) -> Staged:
        """The batches of a run of so many steps.

        Raises:
            ConfigError: a stage has no step.
        """
        firsts = self.firsts(steps)
        sizes = tuple(accumulate * (end - first) for first, end in pairwise(firsts))
        return Staged(self.parts, sizes)

    def notes(self, steps: int) -> tuple[str, ...]:
        """What each stage is, for a person to read."""
        firsts = self.firsts(steps)
        notes = []
        for number, (first, end) in enumerate(pairwise((*firsts, steps))):
            stage, cut = self.stages[number], self.parts[number].tokens_cut
            left = f"; {cut:,} tokens of longer texts are left out" if cut else ""
            notes.append(
                f"stage {number + 1} of {len(firsts)}: steps {first + 1:,} to {end:,} of "
                f"{stage.tokens_per_step:,} tokens, in sequences of up to {stage.context:,}{left}"
            )
        return tuple(notes)

    def figures(
        self, steps: int, others: Callable[[Sequence[StepFacts]], str]
    ) -> Callable[[Sequence[StepFacts]], str]:
        """The stage that a run of so many steps is in, before other figures of the last ones."""
        firsts = self.firsts(steps)

        def told(facts: Sequence[StepFacts]) -> str:
            # Of no step nothing is known, not even where it stands.
            stage = sum(first < facts[-1].step for first in firsts) if facts else "?"
            more = others(facts)
            return f"stage {stage} of {len(firsts)}" + (f" · {more}" if more else "")

        return told
