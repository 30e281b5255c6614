"""What can go wrong in training without an error, looked for while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from unmask.train.log import read_log
from unmask.train.loop import Position, StepFacts

Check = Callable[[Sequence[StepFacts]], str | None]
"""From the last steps, the newest last, to what is wrong in words; None while nothing is."""

FEWEST, MOST = 50, 200  # steps that a check looks at
PATIENCE = 2000  # steps after which every run is looked at, however long it is


class Health:
    """Called after every step; says once what a check finds.

    A check looks at a tenth of the run's steps, but at least 50 and at most 200, and at none of
    the first quarter of the run (at most 2,000 steps), where no model can do anything yet. A run
    that leaves fewer is too short to be judged.

    It remembers nothing beyond a session: the run's log holds what earlier sessions saw.
    """

    def __init__(
        self, checks: Sequence[Check], steps: int, log: Path, say: Callable[[str], None]
    ) -> None:
        """Begin to look.

        Args:
            checks: what is looked for.
            steps: of the run.
            log: its log, from which steps of earlier sessions are read.
            say: is told what is found, in words.
        """
        self.checks, self.log, self.say = checks, log, say
        self.begin = min(steps // 4, PATIENCE)
        self._recent: deque[StepFacts] = deque(maxlen=max(FEWEST, min(MOST, steps // 10)))
        self._found: dict[int, str] = {}
        self._begun = not checks

    def __call__(self, facts: StepFacts, position: Position) -> None:
        self._catch_up(facts.step)
        if not position.bad:
            for words in self._seen(facts):
                self.say(words)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that was found, in the order in which it was."""
        self._catch_up(None)
        return tuple(self._found.values())

    def _catch_up(self, before: int | None) -> None:
        """Look at the steps of earlier sessions, which have been told of what they had."""
        if self._begun:
            return
        self._begun = True
        for facts in _logged(self.log):
            if before is None or facts.step < before:
                self._seen(facts)

    def _seen(self, facts: StepFacts) -> list[str]:
        """What is found at this step for the first time."""
        if facts.step <= self.begin:
            return []
        recent = self._recent
        recent.append(facts)
        if len(recent) < (recent.maxlen or 0):
            return []
        new = {
            number: f"at step {facts.step:,}: {words}"
            for number, check in enumerate(self.checks)
            if number not in self._found and (words := check(recent)) is not None
        }
        self._found |= new
        return list(new.values())


def _logged(log: Path) -> Iterator[StepFacts]:
    """Steps of a run's log that changed the model."""
    names = {one.name for one in fields(StepFacts)}
    for record in read_log(log) if log.exists() else ():
        if record["kind"] == "train":
            known: dict[str, Any] = {name: record[name] for name in names & record.keys()}
            yield StepFacts(**known)
