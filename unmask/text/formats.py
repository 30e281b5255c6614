"""Bytes to lines: plain, gzip and zstd files, read as a stream, with their damage named."""

from __future__ import annotations

import gzip
import importlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from unmask.errors import TextError
from unmask.text.bad import Reading

COMPRESSIONS = (".gz", ".zst")
_CHUNK = 1 << 11
"""Stored bytes that are decompressed at a time; text that repeats itself grows a hundredfold."""
_BOM = b"\xef\xbb\xbf"
_PROGRESS_EVERY = 1 << 10


class Damaged(Exception):
    """A file cannot be read further; the reader turns this into a bad place of that file.

    Attributes:
        line: where reading ended, if the format has lines.
        reason: what is wrong.
        lost_bytes: how much of the stored file that leaves unread; None for all of it.
    """

    def __init__(self, line: int | None, reason: str, lost_bytes: int | None = None) -> None:
        super().__init__(reason)
        self.line, self.reason, self.lost_bytes = line, reason, lost_bytes


def extra(module: str, needed_for: str, named: str = "data") -> Any:
    """Imports an optional dependency, which the extra of this name brings.

    Raises:
        TextError: it is not installed; the message says what to type.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise TextError(
            f"{needed_for} needs the package {package}, which is not installed. "
            f"Install it with: pip install 'unmask[{named}]'"
        ) from None


class _ZstdStream(io.RawIOBase):
    """Decompressed bytes of a zstd file, frame after frame.

    The library's own stream reader ends quietly where a file is cut off. This one knows whether the
    last frame was complete.
    """

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self._library = extra("zstandard", "reading .zst")
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._output:
            self._input = self._input or self._raw.read(_CHUNK)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("zstd")
                return 0
            self._decompress()
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _decompress(self) -> None:
        if self._frame is None:
            self._frame = self._library.ZstdDecompressor().decompressobj()
        try:
            self._output = memoryview(self._frame.decompress(self._input))
        except self._library.ZstdError as error:
            raise OSError(f"zstd: {error}") from None
        self._input = b""
        if self._frame.eof:
            self._input, self._frame = self._frame.unused_data, None


@contextmanager
def stream(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Opens a file for reading.

    Yields:
        (content, stored): the decompressed bytes, and the file below them, whose position says
        how far reading has come.

    Raises:
        TextError: the file cannot be opened, or a dependency is missing.
    """
    try:
        stored = path.open("rb")
    except OSError as error:
        raise TextError(f"{shown(path)} cannot be opened: {error.strerror}.") from None
    with stored:
        match path.suffix.lower():
            case ".gz":
                with gzip.GzipFile(fileobj=stored, mode="rb") as content:
                    yield cast(BinaryIO, content), stored
            case ".zst":
                with io.BufferedReader(_ZstdStream(stored), 1 << 16) as content:
                    yield cast(BinaryIO, content), stored
            case _:
                yield stored, stored


def byte_lines(path: Path, reading: Reading) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their 1-based numbers, line ends kept, a UTF-8 mark left out.

    Only a line feed ends a line. One line is held in memory at a time.

    Raises:
        Damaged: compressed data is cut off or broken; the lines before it have been given.
    """
    with stream(path) as (content, stored):
        number = 0
        try:
            for number, line in enumerate(content, 1):
                if number % _PROGRESS_EVERY == 0:
                    reading.at(stored.tell())
                yield number, line.removeprefix(_BOM) if number == 1 else line
        except EOFError:
            raise Damaged(number + 1, "the compressed data ends in the middle", 0) from None
        except (OSError, zlib.error) as error:
            rest = path.stat().st_size - stored.tell()
            raise Damaged(number + 1, f"the file cannot be read further ({error})", rest) from None


def text_lines(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file without their line ends (LF or CRLF); bad ones are reported.

    Args:
        path: the file.
        name: how messages name it.
        reading: takes the counts.
    """
    for number, raw in byte_lines(path, reading):
        reading.saw()
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield number, raw.decode()
        except UnicodeDecodeError as error:
            reading.report_bad(name, number, not_utf8(raw, error, first=number == 1))


def not_utf8(raw: bytes, error: UnicodeDecodeError, first: bool = False) -> str:
    """Says in words where bytes are not UTF-8."""
    if first and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "this is UTF-16, not UTF-8; convert it first"
    return f"byte 0x{raw[error.start]:02x} at column {error.start + 1} is not UTF-8"


def shown(path: Path | str) -> str:
    """A path as text that can be printed and stored, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
