"""The prose of a docstring: what is left when tables, code and fields have fallen away.

One pass over the lines, with a little state: which indented block and which section to leave out.
It knows the three common styles of docstring (numpydoc's underlined sections, Google's `Args:`,
Sphinx's `:param:`) and the block markup of reStructuredText and Markdown. It does not parse them:
docstrings are rarely well-formed, and a line that is not understood goes to `prose`, which keeps it
only if it reads as language.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

from unmask.text.prose import prose

_DROPPED_TITLES = frozenset(
    """
    parameters, other parameters, params, arguments, args, keyword arguments, keyword args, kwargs,
    keywords, inputs, input, outputs, output, returns, return, return value, yields, yield,
    receives, raises, raise, warns, attributes, methods, properties, fields, members, variables,
    functions, classes, constants, exceptions, routines, shape, shapes, see also, references,
    reference, bibliography, todo, to do, authors, author, license, copyright, version, usage,
    signature, options, contents, index, citation, literature, public functions, api
    """.replace("\n   ", "")
    .strip()
    .split(", ")
)
_KEPT_DIRECTIVES = {"note", "warning", "caution", "important", "tip", "hint", "danger", "attention"}
_KEPT_TITLES = {"note", "notes", "warning", "warnings", "important", "tip", "caution", "remarks"}

_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}$")
_SECTION = re.compile(r"([A-Za-z][A-Za-z ]{2,24}?)\s*:{1,2}$")
_INLINE = re.compile(r"(Args|Arguments|Parameters|Returns?|Yields?|Raises)\s?:\s+\S")
_FIELD = re.compile(r":[A-Za-z][^:`]*:(?!`)|@(?:param|type|return|rtype|raise|keyword|note|ivar)\b")
_DIRECTIVE = re.compile(r"\.\.\s+([\w:-]+)::\s*(.*)$")
_COMMENT = re.compile(r"\.\.(?:\s|$)")
_DOCTEST = re.compile(r">>>|In \[\d+\]:|Out\[\d+\]:|\$ |Traceback \(most")
_ALPHA_MARKUP = ("In [", "Out[", "Traceback")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_TABLE = re.compile(r"\+[-=+ ]+\+$|\|.*\|$|[=-]{2,}(?: +[=-]{2,})+$|\|?\s*:?-+:?\s*\|")
_BULLET = re.compile(r"(?:[*+•-]|#\.|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s+(?=\S)")
_HEADING = re.compile(r"#{1,6}\s")
_FULL_LINE = 50
"""A first line at least this long is text that goes on with an indent, a shorter one is a term."""


@dataclass(slots=True)
class _Walk:
    """Where the walk stands, and what it has kept."""

    kept: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    indent: int = 0
    """Indent of the open paragraph's first line."""
    body: int | None = None
    """Indent of its later lines in a list item, where it differs."""
    table: bool = False
    deeper_than: int | None = None
    """Lines with more indent than this are left out, until one has less or as much."""
    until_blank: bool = False
    fence: str = ""
    in_dropped_section: bool = False

    def close(self) -> None:
        """Ends the open paragraph and keeps its prose."""
        if self.lines and not self.table and (text := prose(" ".join(self.lines))):
            self.kept.append(text)
        self.lines, self.table, self.body = [], False, None

    def open(self, text: str, indent: int, body: int | None = None) -> None:
        """Begins a paragraph."""
        self.close()
        self.lines, self.indent, self.body = [text], indent, body

    def skip_block(self, indent: int) -> None:
        """Leaves out what follows with more indent than `indent`."""
        self.close()
        self.deeper_than = indent


def paragraphs(docstring: str) -> list[str]:
    """The prose paragraphs of a docstring, in order, each on one line without markup.

    Args:
        docstring: as it stands in the source; `inspect.cleandoc` is applied here.
    """
    lines = [line.rstrip() for line in inspect.cleandoc(docstring).expandtabs().split("\n")]
    walk = _Walk()
    at = 0
    while at < len(lines):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        at += _step(walk, lines[at], following)
    walk.close()
    return walk.kept


def _step(walk: _Walk, line: str, following: str) -> int:
    """Takes one line in; returns how many lines were used up."""
    text = line.lstrip()
    indent = len(line) - len(text)
    if _is_left_out(walk, text, indent):
        return 1
    if not text:
        walk.close()
        return 1
    if _is_title(text, following):
        walk.close()
        walk.in_dropped_section = text.strip(" :*").lower() in _DROPPED_TITLES
        return 2
    if not walk.in_dropped_section and not _take_markup(walk, text, indent):
        _take_text(walk, text, indent)
    return 1


def _is_left_out(walk: _Walk, text: str, indent: int) -> bool:
    """Whether the line belongs to a block that is being left out."""
    if walk.fence:
        if text.startswith(walk.fence):
            walk.fence = ""
        return True
    if walk.until_blank:
        walk.until_blank = bool(text)
        return True
    if walk.deeper_than is not None:
        if not text or indent > walk.deeper_than:
            return True
        walk.deeper_than = None
    return False


def _is_title(text: str, following: str) -> bool:
    return (
        bool(_UNDERLINE.match(following.strip()))
        and not _UNDERLINE.match(text)
        and len(text) <= len(following.strip()) + 24
    )


def _take_markup(walk: _Walk, text: str, indent: int) -> bool:
    """Handles a line that opens a block of markup; False where the line is plain text."""
    if text[0].isalpha() and not text.startswith(_ALPHA_MARKUP):
        return ":" in text and _take_section(walk, text, indent)
    if fence := _FENCE.match(text):
        walk.close()
        if not text[len(fence[1]) :].endswith(fence[1]):  # not closed on the same line
            walk.fence = fence[1]
    elif _DOCTEST.match(text):
        walk.close()
        walk.until_blank = True
    elif directive := _DIRECTIVE.match(text):
        if directive[1] not in _KEPT_DIRECTIVES:
            walk.skip_block(indent)
        elif directive[2]:
            walk.open(directive[2], indent, indent + 3)
        else:
            walk.close()
    elif _COMMENT.match(text) or _FIELD.match(text):
        walk.skip_block(indent)
    elif _UNDERLINE.match(text) or _HEADING.match(text):
        walk.close()
    elif _TABLE.match(text):
        walk.table = True
        walk.lines = walk.lines or [text]
    else:
        return _take_section(walk, text, indent)
    return True


def _take_section(walk: _Walk, text: str, indent: int) -> bool:
    """Handles a Google-style section line such as `Args:`; what it holds stands deeper."""
    section = _SECTION.match(text)
    title = section[1].lower() if section else ""
    if title in _DROPPED_TITLES or title in ("example", "examples") or _INLINE.match(text):
        walk.skip_block(indent)
        return True
    if title in _KEPT_TITLES:
        walk.close()
        return True
    return False


def _take_text(walk: _Walk, text: str, indent: int) -> None:
    if bullet := _BULLET.match(text):
        walk.open(text[bullet.end() :], indent, indent + bullet.end())
    elif not walk.lines:
        walk.open(text, indent)
    elif walk.body is None and indent >= walk.indent + 2 and len(walk.lines) == 1:
        if len(walk.lines[0]) < _FULL_LINE:  # a term and its definition, under it
            walk.lines = []
            walk.skip_block(walk.indent)
            return
        walk.lines.append(text)
    elif indent < (walk.indent if walk.body is None else walk.indent + 1):
        walk.open(text, indent)
    else:
        walk.lines.append(text)
    if text.endswith("::"):  # a literal block comes next
        walk.lines[-1] = walk.lines[-1][:-1]
        walk.skip_block(walk.indent)
