"""Commands, links and code out of Markdown pages, as text; nothing here runs them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w+-]*)")
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
# Where a shell ends one command and begins another thing.
_ENDS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"})


@dataclass(frozen=True)
class Fence:
    """A fenced block.

    Attributes:
        line: of its first line of content, from 1.
        language: the word behind the fence, or "".
        text: its content.
    """

    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        line: where it stands, from 1.
        words: its words, as a shell would split them; the first is the program.
    """

    line: int
    words: tuple[str, ...]


def fences(page: str) -> list[Fence]:
    """The fenced blocks of a page."""
    found, open_, lines = [], None, page.splitlines()
    for number, line in enumerate(lines, 1):
        if open_ is None:
            if fence := _FENCE.match(line):
                open_ = (number + 1, fence[1], fence[2])
        elif line.strip() == open_[1]:
            first, _, language = open_
            found.append(Fence(first, language, "\n".join(lines[first - 1 : number - 1])))
            open_ = None
    assert open_ is None, f"the block that begins before line {open_[0]} is never closed"
    return found


def prose(page: str) -> list[tuple[int, str]]:
    """The lines outside fenced blocks, with their numbers."""
    blocks = [range(f.line - 1, f.line + f.text.count("\n") + 2) for f in fences(page)]
    numbered = enumerate(page.splitlines(), 1)
    return [(n, line) for n, line in numbered if not any(n in block for block in blocks)]


def commands(page: str, program: str = "unmask") -> list[Command]:
    """The calls of a program in fenced blocks: lines that begin with it, after a prompt or not."""
    found = []
    for fence in fences(page):
        if fence.language == "python":
            continue
        for number, line in _joined(fence):
            if words := _call(line.removeprefix("$ "), program):
                found.append(Command(number, words))
    return found


def spans(page: str, program: str = "unmask") -> list[Command]:
    """The calls of a program between single backquotes in running text; they may be shortened."""
    found = []
    for number, line in prose(page):
        for span in _SPAN.findall(line):
            if words := _call(span, program):
                found.append(Command(number, words))
    return found


def links(page: str) -> list[tuple[int, str]]:
    """The targets of links and pictures, with the lines where they stand."""
    return [(n, target) for n, line in prose(page) for target in _LINK.findall(line)]


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page may say behind its `#`."""
    found = set()
    for _, line in prose(page):
        if heading := _HEADING.match(line):
            kept = re.sub(r"[^\w\s-]", "", heading[1].lower())
            found.add(re.sub(r"\s", "-", kept.strip()))
    return found


def pages(root: Path) -> list[Path]:
    """The pages of the documentation."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def _joined(fence: Fence) -> Iterator[tuple[int, str]]:
    """Lines, those that end in a backslash together with the next."""
    held, first = "", fence.line
    for number, line in enumerate(fence.text.splitlines(), fence.line):
        first = first if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield first, held + line
        held = ""


def _call(line: str, program: str) -> tuple[str, ...]:
    """The words of one call, up to where the shell takes over; () where it is another program."""
    if not re.match(rf"{program}(\s|$)", line):
        return ()
    words: list[str] = []
    for word in shlex.split(line, comments=True):
        if word in _ENDS:
            break
        words.append(word)
    return tuple(words)
