"""The manuals as a domain: pages to learn from, pages held out, and lines told apart by page.

The files have one block a line and a blank line between pages. Every twelfth page is held out for
the loss. Of the others, those with most lines are the classes of a task, "which page is this line
from"; the lines that it is tested on are not among those that models learn from.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError

HELD_OUT = 12  # one page of so many
CLASSES, MOST, SHORTEST = 50, 90, 60  # pages, lines of a page, characters of a line
TEST_SHARE, SEED = 0.3, 0


@dataclass(frozen=True, slots=True)
class Manuals:
    """The manuals in parts.

    Attributes:
        learnt: lines to learn from.
        held_out: lines of other pages, without those that stand on a page that is learnt too.
        train, test: lines with the number of their page.
    """

    learnt: tuple[str, ...]
    held_out: tuple[str, ...]
    train: tuple[tuple[str, str], ...]
    test: tuple[tuple[str, str], ...]


def manuals(paths: Sequence[Path]) -> Manuals:
    """The manuals of these files, parted the same way every time.

    Raises:
        DataError: they hold fewer pages than the task has classes.
    """
    pages = [
        [line for line in page.split("\n") if line.strip()]
        for path in paths
        for page in path.read_text(encoding="utf-8").split("\n\n")
    ]
    kept = [page for number, page in enumerate(pages) if number % HELD_OUT]
    known = {line for page in kept for line in page}
    held_out = [
        line
        for number, page in enumerate(pages)
        if not number % HELD_OUT
        for line in page
        if line not in known
    ]
    classes = sorted(kept, key=lambda page: -len(_told_apart(page)))[:CLASSES]
    if len(classes) < CLASSES:
        raise DataError(
            f"telling lines apart by page needs {CLASSES} pages, blank lines between them, but "
            f"{', '.join(path.name for path in paths)} hold {len(kept)}; give the whole manuals"
        )
    pages_of = Counter(line for page in kept for line in set(page))
    train: list[tuple[str, str]] = []
    test: list[tuple[str, str]] = []
    draw = random.Random(SEED)
    for number, page in enumerate(classes):
        # A line that stands on two pages tells nothing.
        lines = [line for line in _told_apart(page) if pages_of[line] == 1]
        draw.shuffle(lines)
        lines = lines[:MOST]
        cut = round(len(lines) * TEST_SHARE)
        test += [(line, f"page {number}") for line in lines[:cut]]
        train += [(line, f"page {number}") for line in lines[cut:]]
    asked = {line for line, _ in test}
    learnt = [line for page in kept for line in page if line not in asked]
    # A class after the other is no order to learn in.
    draw.shuffle(train)
    return Manuals(tuple(learnt), tuple(held_out), tuple(train), tuple(test))


def _told_apart(page: Sequence[str]) -> list[str]:
    """The lines of a page that are long enough to be told, each once."""
    return list(dict.fromkeys(line for line in page if len(line) >= SHORTEST))
