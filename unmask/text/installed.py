"""The text that every machine has on which this package is installed: its Python's docstrings.

Read are the standard library and the installed packages, without three kinds of file:

- tests. They are much to parse and give little prose, most of it from one mould ("Non-regression
  test for ..."), and whether a package is installed with them is chance.
- vendored copies of packages, whose text is another package's.
- this package itself, so that the corpus is the same before and after a change to it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmask.errors import ConfigError
from unmask.text.bad import Reading
from unmask.text.docstrings import docstrings
from unmask.text.documents import Document
from unmask.text.formats import shown
from unmask.text.readers import SourceFile, Unit

STDLIB = "stdlib"
"""Group of the standard library's documents."""
LEFT_OUT = frozenset(
    {"test", "tests", "testing", "_testing", "_testdata", "idle_test", "lib2to3"}
    | {"_vendor", "_vendored", "vendored", "vendor", "extern", "externals"}
)
"""Folders that are not read, wherever they are."""
_OURS = "unmask"
_BATCH_BYTES = 1 << 20
_WORTH_WORKERS = 8 << 20
_Found = list[tuple[str, str]] | None


@dataclass(frozen=True, slots=True)
class InstalledDocstrings:
    """The docstrings of the standard library and of installed packages, as a source of text.

    One document is the prose of one docstring. Its source is the dotted name it belongs to, its
    group the package (or `stdlib`).

    Attributes:
        files: the Python files to read, the standard library first, then by name.
        skipped: how many Python files are not read, by reason.
        workers: processes to read with; the order of the documents does not depend on it.
    """

    files: tuple[SourceFile, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    workers: int = 2

    @classmethod
    def find(
        cls,
        standard: Path | None = None,
        packages: Sequence[Path] | None = None,
        workers: int = 2,
    ) -> InstalledDocstrings:
        """Looks for Python files; without arguments, those of the running interpreter.

        Packages are looked for in the folders that installers fill (`site-packages` and
        `dist-packages` of the interpreter's path). A project that is installed in editable mode
        stands elsewhere and is not read.

        Args:
            standard: the folder of the standard library.
            packages: folders in which installed packages stand.
            workers: processes to read with.
        """
        if workers < 1:
            raise ConfigError(f"At least one process has to read, not {workers!r}.")
        standard = standard or Path(sysconfig.get_path("stdlib"))
        folders = _package_folders() if packages is None else packages
        files: list[SourceFile] = []
        skipped = {"(tests, vendored copies)": 0}
        for root, prefix in [(standard, f"{STDLIB}/"), *((folder, "") for folder in folders)]:
            for path, wanted in _python_files(root):
                if not wanted:
                    skipped["(tests, vendored copies)"] += 1
                    continue
                below = path.relative_to(root)
                group = STDLIB if prefix else below.parts[0].removesuffix(".py")
                name = shown(prefix + below.as_posix())
                files.append(SourceFile(path, name, shown(group), path.stat().st_size))
        return cls(tuple(files), skipped, workers)

    def documents(
        self, reading: Reading, *, field: str = "text", document: Unit | None = None
    ) -> Iterator[Document]:
        """The documents of all files. One that does not parse is skipped and counted.

        Such files are templates and samples of other Pythons, not damage, so `on_bad` leaves them.

        Raises:
            ConfigError: a unit was asked for, and here a document is always a docstring.
        """
        if document is not None:
            raise ConfigError(
                f"A document is one docstring here, and cannot be a {document}. Leave --document "
                "away, or name your own text with --text."
            )
        for file, found in zip(self.files, self._read_all(), strict=True):
            if found is None:
                reading.skip("(does not parse)")
            else:
                reading.saw(len(found))
                for name, text in found:
                    yield Document(text, name, file.group)
            reading.finished(file.size)

    def _read_all(self) -> Iterator[_Found]:
        size = sum(file.size for file in self.files)
        if self.workers > 1 and sys.executable and size > _WORTH_WORKERS:
            return _read_in_workers(self.files, self.workers)
        return (read_python(os.fspath(file.path), module_name(file)) for file in self.files)


def module_name(file: SourceFile) -> str:
    """Dotted name of the module that a file holds; the standard library's without a prefix."""
    name = file.name.removeprefix(f"{STDLIB}/").removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


def read_python(path: str, module: str) -> _Found:
    """The docstrings' prose of one file, by dotted name; None if it does not parse."""
    try:
        return docstrings(Path(path).read_bytes(), module)
    except (ValueError, OSError):
        return None


def serve() -> None:
    """A worker: a list of batches of [path, module] comes in as JSON, a line of JSON for each out.

    Collection of cycles is off, because a syntax tree has none and looking for them takes long.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    gc.disable()
    for batch in json.load(sys.stdin):
        results = [read_python(path, module) for path, module in batch]
        try:
            print(json.dumps(results), flush=True)
        except BrokenPipeError:  # nobody waits any more
            os._exit(1)


def _read_in_workers(files: Sequence[SourceFile], workers: int) -> Iterator[_Found]:
    """`read_python` of each file, in order, from processes that take turns by batches.

    They are plain subprocesses, not a `multiprocessing` pool: a forked pool is unsafe once torch
    has started threads, and a spawned one runs the caller's main module again. A worker that is
    ahead waits for its pipe to be read.
    """
    batches = _batches(files)
    pool = [_start(batches[first::workers]) for first in range(workers)]
    try:
        for number, batch in enumerate(batches):
            stdout = pool[number % workers].stdout
            answer = stdout.readline() if stdout else ""
            if answer.endswith("\n"):
                yield from json.loads(answer)
            else:  # the worker died; its share is still read, here
                yield from (read_python(*job) for job in _jobs(batch))
    finally:
        for worker in pool:
            worker.kill()
            worker.communicate()


def _batches(files: Sequence[SourceFile]) -> list[list[SourceFile]]:
    batches: list[list[SourceFile]] = [[]]
    size = 0
    for file in files:
        if size > _BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(file)
        size += file.size
    return batches


def _jobs(batch: Sequence[SourceFile]) -> list[tuple[str, str]]:
    return [(os.fspath(file.path), module_name(file)) for file in batch]


def _start(batches: Sequence[Sequence[SourceFile]]) -> subprocess.Popen[str]:
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    pipe = subprocess.PIPE
    worker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, encoding="utf-8"
    )
    assert worker.stdin is not None
    with contextlib.suppress(BrokenPipeError), worker.stdin as stdin:
        json.dump([_jobs(batch) for batch in batches], stdin)
    worker.stdin = None  # all said; communicate() must not flush it again
    return worker


def _package_folders() -> list[Path]:
    """Folders of installed packages on the interpreter's path, each once."""
    places = [*sys.path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    named = (Path(place) for place in places if Path(place).name.endswith("-packages"))
    return list(dict.fromkeys(path.resolve() for path in named if path.is_dir()))


def _python_files(root: Path) -> Iterator[tuple[Path, bool]]:
    """(path, whether it is read) of the Python files below a folder, in sorted order."""
    for place, folders, names in os.walk(root):
        wanted_here = not LEFT_OUT.intersection(Path(place).relative_to(root).parts)
        ours = Path(place) == root
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__pycache__"))
            and not name.endswith("-packages")
            and not (ours and name == _OURS)
        )
        for name in sorted(names):
            if name.endswith(".py"):
                is_test = name.startswith("test_") or name == "conftest.py"
                yield Path(place, name), wanted_here and not is_test
