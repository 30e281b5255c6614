"""The texts and labels that claims are tested on, in a folder of the user's."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.claims.manuals import Manuals, manuals
from unmask.claims.recipe import Text
from unmask.errors import DataError, UnmaskError
from unmask.text.formats import not_utf8

TRAIN, VALID = "text/books-train.txt", "text/books-valid.txt"
MANUALS = ("text/postgresql_doc.txt", "text/git_doc.txt")
TEXTS: Mapping[Text, tuple[str, ...]] = {
    "books": (TRAIN,),
    "few books": (TRAIN,),
    "manuals": MANUALS,
}
"""The files that what is learnt from is made of."""
FEW = 2_000_000  # characters of `few_books`
POLARITY, BLIMP = "sentence_polarity", "blimp"
TEST_SHARE, SEED = 0.3, 0


@dataclass(frozen=True, slots=True)
class ClaimData:
    """Where everything stands.

    Attributes:
        folder: of the data.
        work: for what is made of them.
    """

    folder: Path
    work: Path

    def path(self, name: str) -> Path:
        """A file or folder of the data.

        Raises:
            DataError: it is not there.
        """
        path = self.folder / name
        if not path.exists():
            raise DataError(f"claims need {name}, but {self.folder} does not hold it; see --data")
        return path

    @contextmanager
    def noted(self, names: Iterable[str]) -> Iterator[None]:
        """Check that the work folder holds nothing that was made of other data than these, and
        note what they are. If what is made of them inside fails, they may change: it is to be one
        thing, so that nothing was made.

        Args:
            names: files and folders of the data that it is made of.

        Raises:
            DataError: one is missing or is no text, or something was made of another.
        """
        noted = self._made("sources.json")
        before: dict[str, str] = read_json(noted) if noted.is_file() else {}
        now = {name: _digest(self._readable(name)) for name in names}
        if other := [name for name in now if before.get(name, now[name]) != now[name]]:
            raise DataError(
                f"arms are compared on the same data, but {self.work} holds what was made of "
                f"another {other[0]} than that of {self.folder}; choose another folder with --work"
            )
        # First: a kill in between must not leave behind what nobody knows the source of.
        _note(noted, {**before, **now})
        try:
            yield
        except UnmaskError:
            _note(noted, before)
            raise

    def _readable(self, name: str) -> Path:
        """A file or folder of the data, of which a file is text: hours pass before it is read."""
        path = self.path(name)
        if path.is_file():
            require_text(path)
        return path

    def polarity(self) -> tuple[Path, Path]:
        """Snippets of film reviews with the labels pos and neg, to train on and to test on."""
        split = self._made("polarity-train.csv"), self._made("polarity-test.csv")
        if not all(path.is_file() for path in split):
            rows = labelled_snippets(self.path(POLARITY))
            random.Random(SEED).shuffle(rows)
            cut = round(len(rows) * TEST_SHARE)
            for path, some in zip(split, (rows[cut:], rows[:cut]), strict=True):
                _write(path, some)
        return split

    def pages(self) -> tuple[Path, Path]:
        """Lines of the manuals with their page, to train on and to test on."""
        self._part_manuals()
        return self._made("pages-train.csv"), self._made("pages-test.csv")

    def manuals_held_out(self) -> Path:
        """Pages of the manuals that nothing is trained on."""
        self._part_manuals()
        return self._made("manuals-held-out.txt")

    def text(self, name: Text) -> Path:
        """The file that is learnt from."""
        if name == "manuals":
            self._part_manuals()
            return self._made("manuals.txt")
        return self.path(TRAIN) if name == "books" else self.few_books()

    def _made(self, name: str) -> Path:
        return self.work / "data" / name

    def _part_manuals(self) -> None:
        """Make what is made of the manuals; what is learnt from comes last, when all is there."""
        if self._made("manuals.txt").is_file():
            return
        parts: Manuals = manuals([self.path(name) for name in MANUALS])
        _write(self._made("pages-train.csv"), parts.train)
        _write(self._made("pages-test.csv"), parts.test)
        for name, lines in (("manuals-held-out", parts.held_out), ("manuals", parts.learnt)):
            _replace(self._made(f"{name}.txt"), [f"{line}\n" for line in lines])

    def few_books(self) -> Path:
        """The beginning of the books, little enough to be read ten times."""
        path = self._made("few-books.txt")
        if not path.is_file():
            with self.path(TRAIN).open(encoding="utf-8") as file:
                _replace(path, file.readlines(FEW))
        return path


def labelled_snippets(folder: Path) -> list[tuple[str, str]]:
    """Text and label of every snippet of the sentence-polarity data, each text once.

    Raises:
        DataError: the folder does not hold its files.
    """
    rows: dict[str, str] = {}
    for label in ("pos", "neg"):
        path = folder / f"rt-polarity.{label}"
        if not path.is_file():
            raise DataError(
                "a folder of labelled snippets must hold rt-polarity.pos and rt-polarity.neg, but "
                f"{path} is not there; name the folder that holds both"
            )
        require_text(path)
        for line in path.read_bytes().decode().split("\n"):
            if line.strip():
                rows.setdefault(line.strip(), label)
    return list(rows.items())


def require_text(path: Path) -> None:
    """Check that a file holds a line of text.

    Raises:
        DataError: it is not UTF-8, or has nothing but blank lines.
    """
    blank = True
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                blank &= not raw.decode().strip()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"claims read text in UTF-8, but {path}:{number}: {not_utf8(raw, error)}; "
                    "convert the file"
                ) from None
    if blank:
        raise DataError(f"claims read text, but {path} has none; check --data")


def _note(path: Path, digests: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(digests))


def _digest(path: Path) -> str:
    """Of a file, or of the names and contents of all files below a folder."""
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            whole.update(f"{file.relative_to(path)}\0".encode())
            with file.open("rb") as content:
                whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()


def _write(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("text", "label"))
    writer.writerows(rows)
    _replace(path, [table.getvalue()])


def _replace(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    temporary.replace(path)


def read_rows(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a table that `ClaimData` has written."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]
