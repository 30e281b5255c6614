"""What a person sees in the terminal: bars, lines, tables. Progress goes to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

PLAIN_EVERY = 15.0  # seconds between lines of a stage where there is no terminal to draw bars in


class Terminal:
    """Draws a bar for each stage; where standard error is no terminal, prints lines instead."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
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
    def _bar(self, title: str, last: list[str]) -> Iterator[Callable[[float, str], None]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[words]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=1.0, words="")

            def advance(share: float, words: str) -> None:
                last[0] = words
                progress.update(task, completed=share, words=words)

            yield advance

    @contextmanager
    def _lines(self, title: str, last: list[str]) -> Iterator[Callable[[float, str], None]]:
        begun = said = time.monotonic()
        from_share: float | None = None  # a resumed stage does not begin at nothing

        def advance(share: float, words: str) -> None:
            nonlocal said, from_share
            last[0] = words
            now = time.monotonic()
            from_share = share if from_share is None else from_share
            if now - said > PLAIN_EVERY and share > from_share:
                said = now
                left = (now - begun) * (1 - share) / (share - from_share)
                self.say(f"  {title}: {share:.0%}, about {left:.0f} s left  {words}")

        yield advance


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str, allow_nan=False))


def print_table(rows: Mapping[str, Any]) -> None:
    """Names and values in two columns on standard output."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        sys.stdout.write(f"{name:<{width}}  {value}\n")
