"""How far long work has come, for a person at a terminal: bars and lines on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

Share = float | None
"""What of a stage is done, from 0 to 1; None where nobody knows how much there is to do."""
PLAIN_EVERY = 15.0  # seconds between lines of a stage where there is no terminal to draw bars in
SURE_AFTER = 3.0  # seconds of work before anything is said of how long the rest will take


class Pace:
    """How long the rest of a stage will take, by what was done since it first said how far it is.

    What came before is left out: a stage prepares itself, and a resumed one does not begin at
    nothing. The first seconds say too little, since the first steps are slower or faster than most.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def left(self, share: Share) -> float | None:
        """Seconds, now that so much is done; None while nobody can say."""
        now = time.monotonic()
        if share is None:
            return None
        if self._first is None:
            self._first = now, share
        since, begun = self._first
        if now - since < SURE_AFTER or share <= begun:
            return None
        return (now - since) * (1 - share) / (share - begun)


class Terminal:
    """Draws a bar for each stage; where standard error is no terminal, prints lines instead."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[Share, str], None]]:
        """A stage of the work, with its bar and, at the end, its time."""
        begun = time.monotonic()
        words_at_end = [""]
        draw = self._bar if self.console.is_terminal else self._lines
        with draw(title, words_at_end) as advance:
            yield advance
        spent = time.monotonic() - begun
        figures = f"  {words_at_end[0]}" if words_at_end[0] else ""
        self.console.print(f"[green]✓[/] {title} [dim]({spent:.1f} s){figures}[/]", soft_wrap=True)

    def say(self, words: str) -> None:
        """A line that stays."""
        self.console.print(words, markup=False, soft_wrap=True)

    @contextmanager
    def _bar(self, title: str, last: list[str]) -> Iterator[Callable[[Share, str], None]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("[cyan]{task.fields[left]}"),
            TextColumn("[dim]{task.fields[words]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=None, words="", left="")
            pace = Pace()

            def advance(share: Share, words: str) -> None:
                last[0] = words
                total, left = None if share is None else 1.0, _clock(pace.left(share))
                progress.update(task, total=total, completed=share, words=words, left=left)

            yield advance

    @contextmanager
    def _lines(self, title: str, last: list[str]) -> Iterator[Callable[[Share, str], None]]:
        said = time.monotonic()
        pace = Pace()

        def advance(share: Share, words: str) -> None:
            nonlocal said
            last[0] = words
            left, now = pace.left(share), time.monotonic()
            if now - said <= PLAIN_EVERY:
                return
            said = now
            done = "" if share is None else f"{share:.0%}, "
            rest = "" if left is None else f"about {left:.0f} s left  "
            self.say(f"  {title}: {done}{rest}{words}")

        yield advance


def _clock(seconds: float | None) -> str:
    """Minutes and seconds, `2:05`, and hours where there are any; empty for nobody knows."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
