"""Files to documents: what a document is in each kind of file, and reading it as a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.errors import ConfigError, TextError
from unmask.text.bad import Reading
from unmask.text.documents import Document
from unmask.text.empty import is_empty
from unmask.text.formats import COMPRESSIONS, Damaged, shown, text_lines
from unmask.text.jsonl import jsonl_texts
from unmask.text.parquet import parquet_texts
from unmask.text.tables import csv_texts

Unit = Literal["file", "blank-line", "line", "record"]
UNITS: tuple[Unit, ...] = ("file", "blank-line", "line", "record")

_Texts = Callable[[Path, str, str, Reading], Iterator[tuple[int, str]]]
_PLAIN: dict[str, Unit] = {".txt": "blank-line", ".md": "file", ".rst": "file"}
_RECORDS: dict[str, _Texts] = {
    ".jsonl": jsonl_texts,
    ".json-lines": jsonl_texts,
    ".csv": csv_texts,
    ".parquet": parquet_texts,
}
SERVED = (*_PLAIN, *_RECORDS)
"""Suffixes that are read, and all but .parquet also with .gz or .zst after them."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read.

    Attributes:
        path: where it is.
        name: its path below the one that the user gave; does not depend on where that is.
        group: the first folder in `name`, else the file's stem.
        size: bytes, as stored.
    """

    path: Path
    name: str
    group: str
    size: int


def kind_of(path: Path, served: Collection[str] = SERVED) -> str | None:
    """The suffix that says how a file is read, in lower case; None if it is not among `served`."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] in {*served} - {".parquet"} else None
    return suffixes[-1] if suffixes and suffixes[-1] in served else None


def stem_of(path: Path) -> str:
    """A file's name without the suffixes that say how it is read."""
    name = path.name
    for endings in (COMPRESSIONS, SERVED):
        for ending in endings:
            if name.lower().endswith(ending) and len(name) > len(ending):
                name = name[: -len(ending)]
                break
    return shown(name)


def unit_of(path: Path, document: Unit | None) -> Unit:
    """What a document is in this file.

    Args:
        path: a file of a kind that is served.
        document: what the user asked for, or None for what the kind of file suggests.

    Raises:
        ConfigError: that unit is unknown.
        TextError: this kind of file cannot be read by that unit.
    """
    if document is not None and document not in UNITS:
        raise ConfigError(f"A document is one of {', '.join(UNITS)}, not {document!r}.")
    kind = kind_of(path)
    if kind in _PLAIN:
        if document == "record":
            raise TextError(
                f"{shown(path)} is plain text and has no records. Use --document file, blank-line "
                f"or line, or leave it away for {_PLAIN[kind]}."
            )
        return document or _PLAIN[kind]
    if document not in (None, "record"):
        raise TextError(
            f"{shown(path)} holds records, so a document cannot be a {document} there. Leave "
            "--document away, or pass plain text and records in two runs."
        )
    return "record"


def read_file(
    file: SourceFile, reading: Reading, *, field: str = "text", document: Unit | None = None
) -> Iterator[Document]:
    """The documents of one file, in order, as a stream; text without a visible character is none.

    In plain text, `line` and `blank-line` leave line ends out, and a bad line is a bad place. A
    record's text is given unchanged. Memory is that of the longest document.

    Args:
        file: the file, of a kind that is served.
        reading: takes the counts and the bad places.
        field: column or key of the text, where the file holds records.
        document: what a document is, or None for what the kind of file suggests.

    Raises:
        TextError: the file cannot be opened, or its kind cannot be read by this unit.
        CorruptText: at a bad place, unless `reading` skips them.
    """
    name = shown(file.path)
    unit = unit_of(file.path, document)
    read = _RECORDS.get(kind_of(file.path) or "")
    if read is None:
        texts = _plain_texts(text_lines(file.path, name, reading), unit)
    else:
        texts = read(file.path, name, field, reading)
    try:
        for line, text in texts:
            if not is_empty(text):
                yield Document(text, name if unit == "file" else f"{name}:{line}", file.group)
    except Damaged as damage:
        lost = file.size if damage.lost_bytes is None else damage.lost_bytes
        reading.report_bad(name, damage.line, damage.reason, lost)
    reading.finished(file.size)


def _plain_texts(lines: Iterator[tuple[int, str]], unit: Unit) -> Iterator[tuple[int, str]]:
    """Lines joined to documents, each with the number of its first line."""
    if unit == "line":
        yield from lines
        return
    held: list[str] = []
    first = 1
    for number, line in lines:
        blank = not line or line.isspace()
        if blank and (unit == "blank-line" or not held):
            if held:
                yield first, "\n".join(held)
                held = []
        else:
            first = first if held else number
            held.append(line)
    while held and (not held[-1] or held[-1].isspace()):
        held.pop()
    if held:
        yield first, "\n".join(held)
