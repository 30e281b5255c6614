"""Where text comes from: the files a user names, and what a corpus needs to know of any source."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unmask.errors import TextError
from unmask.text.bad import Reading
from unmask.text.documents import Document
from unmask.text.formats import shown
from unmask.text.readers import SERVED, SourceFile, Unit, kind_of, read_file, stem_of, unit_of


class Sources(Protocol):
    """What `prepare` asks of a source of text."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files that will be read, in order."""

    @property
    def skipped(self) -> Mapping[str, int]:
        """Files that were found and are not read: count by suffix, or by a reason in brackets."""

    def documents(
        self, reading: Reading, *, field: str = "text", document: Unit | None = None
    ) -> Iterator[Document]:
        """All documents, in an order that depends on nothing but names and contents."""


@dataclass(frozen=True, slots=True)
class TextSources:
    """Files and folders that a user named.

    Attributes:
        files: the files to read, in the order of the paths, each folder sorted.
        skipped: files that were found below a folder and are not served, count by suffix.
    """

    files: tuple[SourceFile, ...]
    skipped: Mapping[str, int]

    @classmethod
    def find(cls, paths: Iterable[Path | str]) -> TextSources:
        """Looks for files: each path is one, or a folder that is searched through in sorted order.

        Hidden files and folders (their name starts with a dot) are left out by rule. A file that
        two of the paths lead to is read once.

        Raises:
            TextError: a path does not exist or is of a kind that is not served, or nothing to read
                is found.
        """
        files: dict[tuple[int, int], SourceFile] = {}
        skipped: Counter[str] = Counter()
        for path in map(Path, paths):
            for found, name, group, why_not in _found(path):
                status = found.lstat() if why_not else found.stat()
                identity = (status.st_dev, status.st_ino)
                if why_not:
                    skipped[why_not] += 1
                elif identity in files:
                    skipped["(same file again)"] += 1
                else:
                    files[identity] = SourceFile(found, name, group, status.st_size)
        if not files:
            beside = ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items()))
            raise TextError(
                f"No file to read was found (but {beside or 'nothing'}). Served are "
                f"{', '.join(SERVED)}, and all but .parquet with .gz or .zst after it."
            )
        return cls(tuple(files.values()), dict(sorted(skipped.items())))

    def documents(
        self, reading: Reading, *, field: str = "text", document: Unit | None = None
    ) -> Iterator[Document]:
        """The documents of all files, as a stream; see `readers.read_file`.

        Raises:
            TextError: a file cannot be read by this unit; found out before the first one is read.
            CorruptText: at a bad place, unless `reading` skips them.
        """
        for file in self.files:
            unit_of(file.path, document)
        for file in self.files:
            yield from read_file(file, reading, field=field, document=document)


def source_digest(sources: Sources) -> str:
    """SHA-256 of the names and contents of all files of a source, read as a stream.

    Names count from the path that the user gave, so a corpus that has moved keeps its digest.

    Raises:
        TextError: a file cannot be read.
    """
    total = hashlib.sha256()
    for file in sources.files:
        try:
            with file.path.open("rb") as content:
                inner = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            raise TextError(f"{shown(file.path)} cannot be read: {error.strerror}.") from None
        total.update(f"{len(file.name)} {file.name} {inner}\n".encode())
    return total.hexdigest()


def _found(path: Path) -> Iterator[tuple[Path, str, str, str]]:
    """(path, name, group, why not) of what one path of the user's stands for."""
    if path.is_dir():
        for found, why_not in _walk(path):
            below = found.relative_to(path)
            group = shown(below.parts[0]) if len(below.parts) > 1 else stem_of(found)
            yield found, shown(below.as_posix()), group, why_not
    elif not path.exists():
        raise TextError(f"There is no file or folder {shown(path)}. Check the path.")
    elif kind_of(path) is None:
        raise TextError(
            f"{shown(path)} is not of a kind that can be read. Served are {', '.join(SERVED)}, and "
            "all but .parquet with .gz or .zst after it. Rename or convert it."
        )
    else:
        yield path, shown(path.name), stem_of(path), ""


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """(path, "") for each served file below a folder, (path, why not) for the others."""

    def stop(error: OSError) -> None:
        raise TextError(f"{shown(error.filename)} cannot be searched: {error.strerror}.")

    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (path := Path(place, name)).is_symlink():
                yield path, "(linked folder)"
        for name in sorted(name for name in names if not name.startswith(".")):
            path = Path(place, name)
            if not path.is_file():
                yield path, "(not a regular file)"
            elif kind_of(path) is None:
                yield path, path.suffix.lower() or "(no suffix)"
            else:
                yield path, ""
