"""How long work tells a person where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

Advance = Callable[[float, str], None]
"""Called with the share of the stage that is done, from 0 to 1, and a few words of figures."""


class Watch(Protocol):
    """Somebody who looks on; the command line draws bars, a library user may pass nothing."""

    def stage(self, title: str) -> AbstractContextManager[Advance]:
        """A stage of the work begins; it ends with the block."""
        ...

    def say(self, words: str) -> None:
        """A line that stays."""
        ...


class Silent:
    """Looks on and says nothing."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        """A stage of which nothing is shown."""
        yield lambda share, words: None

    def say(self, words: str) -> None:
        """Nothing."""


def say_each(watch: Watch, *lines: str) -> None:
    """Says the lines of which there is something to say."""
    for line in filter(None, lines):
        watch.say(line)


def share_of(path: Path, advance: Advance) -> Callable[[int], None]:
    """What tells a stage which share of a file has been read, from the bytes that have been."""
    size = max(1, path.stat().st_size)
    return lambda done: advance(min(1.0, done / size), "")


def stopped(advance: Advance, step: int, steps: int) -> None:
    """Let the line of a stage that a signal has ended say how far it came.

    Args:
        advance: of the stage.
        step: the last that was made.
        steps: of the whole.
    """
    advance(step / steps, f"stopped at step {step:,} of {steps:,}")
