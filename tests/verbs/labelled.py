"""Labelled tables for the tests of the verbs, and somebody who looks on."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import sentences


def write_csv(path: Path, rows: list[tuple[object, ...]], header: tuple[str, ...]) -> Path:
    """Rows with a header as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def label_of(text: str) -> str:
    """A label that the words give away."""
    return next((name for name in ("dog", "house", "music") if name in text), "other")


def write_table(path: Path, texts: list[str] | None = None) -> Path:
    """Sentences with a number before and a label behind."""
    chosen = sentences() if texts is None else texts
    rows = [(number, text, label_of(text)) for number, text in enumerate(chosen)]
    return write_csv(path, rows, ("id", "text", "label"))


class Notes:
    """Remembers what was said; may raise when a stage has come so far."""

    def __init__(self, fail_in: str = "", at: float = 2.0) -> None:
        self.said: list[str] = []
        self.fail_in, self.at = fail_in, at

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
        """A stage, whose title is remembered."""
        self.said.append(title)

        def advance(share: float, words: str) -> None:
            if title == self.fail_in and share >= self.at:
                raise Interrupted(title)

        yield advance

    def say(self, words: str) -> None:
        """Remembered."""
        self.said.append(words)

    def heard(self, words: str) -> bool:
        """Whether this was said."""
        return any(words in line for line in self.said)


class Interrupted(Exception):
    """What a test raises in the middle of a run."""
