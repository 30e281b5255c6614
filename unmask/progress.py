"""How far long work has come, for a person at a terminal: bars and lines on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Share = float | None
"""What of a stage is done, from 0 to 1; None where nobody knows how much there is to do."""
PLAIN_EVERY = 15.0  # seconds between lines of a stage where there is no terminal to draw bars in


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
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[words]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=None, words="")

            def advance(share: Share, words: str) -> None:
                last[0] = words
                total = None if share is None else 1.0
                progress.update(task, total=total, completed=share, words=words)

            yield advance

    @contextmanager
    def _lines(self, title: str, last: list[str]) -> Iterator[Callable[[Share, str], None]]:
        begun = said = time.monotonic()
        from_share: float | None = None  # a resumed stage does not begin at nothing

        def advance(share: Share, words: str) -> None:
            nonlocal said, from_share
            last[0] = words
            now = time.monotonic()
            from_share = share if from_share is None else from_share
            if now - said <= PLAIN_EVERY:
                return
            if share is None or from_share is None:
                said = now
                self.say(f"  {title}: {words}")
            elif share > from_share:
                said = now
                left = (now - begun) * (1 - share) / (share - from_share)
                self.say(f"  {title}: {share:.0%}, about {left:.0f} s left  {words}")

        yield advance
