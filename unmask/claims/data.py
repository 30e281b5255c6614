"""The texts and labels that claims are tested on, in a folder of the user's."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.claims.recipe import Text
from unmask.errors import DataError

TRAIN, VALID = "text/books-train.txt", "text/books-valid.txt"
MANUALS = ("text/postgresql_doc.txt", "text/git_doc.txt")
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

    def polarity(self) -> tuple[Path, Path]:
        """Snippets of film reviews with the labels pos and neg, to train on and to test on."""
        split = tuple(self.work / "data" / f"polarity-{name}.csv" for name in ("train", "test"))
        if not all(path.is_file() for path in split):
            rows = _labelled(self.path(POLARITY))
            random.Random(SEED).shuffle(rows)
            cut = round(len(rows) * TEST_SHARE)
            for path, some in zip(split, (rows[cut:], rows[:cut]), strict=True):
                _write(path, some)
        return split[0], split[1]

    def text(self, name: Text) -> tuple[Path, ...]:
        """The files that are learnt from."""
        if name == "manuals":
            return tuple(self.path(manual) for manual in MANUALS)
        return (self.path(TRAIN) if name == "books" else self.few_books(),)

    def few_books(self) -> Path:
        """The beginning of the books, little enough to be read ten times."""
        path = self.work / "data" / "few-books.txt"
        if not path.is_file():
            with self.path(TRAIN).open(encoding="utf-8") as file:
                _replace(path, file.readlines(FEW))
        return path


def _labelled(folder: Path) -> list[tuple[str, str]]:
    """Text and label of every snippet, each text once."""
    rows: dict[str, str] = {}
    for label in ("pos", "neg"):
        raw = (folder / f"rt-polarity.{label}").read_bytes().decode("utf-8", errors="strict")
        for line in raw.split("\n"):
            if line.strip():
                rows.setdefault(line.strip(), label)
    return list(rows.items())


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
