"""The texts and labels that claims are tested on, in a folder of the user's."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError
from unmask.verbs.run_folder import digest_of

TRAIN, VALID = "text/books-train.txt", "text/books-valid.txt"
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

    def digest(self) -> str:
        """Of the text that is learnt from."""
        return digest_of(self.path(TRAIN))


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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    temporary.replace(path)


def read_rows(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a table that `ClaimData` has written."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]
