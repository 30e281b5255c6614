"""Labelled texts for the exercise on sentiment: from a table or the Hub, and split by a hash."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from paired import lines_of

from unmask.claims.data import labelled_snippets
from unmask.errors import DataError
from unmask.text.labelled import read_labelled
from unmask.text.paragraphs import text_digest

SST2 = "stanfordnlp/sst2"
TRAIN_SHARE, MOST_TESTED = 0.95, 1000  # at most, where no test table is given
FEWEST_LABELS = 2

Rows = Mapping[str, str]
"""Texts and their labels; the same text, but for case and white space, once."""


@dataclass(frozen=True, slots=True)
class Split:
    """What one seed learns from and is tested on; no text is in both.

    Attributes:
        train, test: texts with labels.
    """

    train: Rows
    test: Rows


@dataclass(frozen=True, slots=True)
class Data:
    """All labelled texts, before a seed splits them.

    Attributes:
        name: for people.
        rows: to learn from, and to test on where there is no `test`.
        test: texts that are given as the test, the same for all seeds; None to split `rows`.
    """

    name: str
    rows: Rows
    test: Rows | None

    @classmethod
    def read(
        cls,
        path: Path,
        test: Path | None = None,
        text_column: str | None = None,
        label_column: str | None = None,
    ) -> "Data":
        """A table (.csv, .tsv, .jsonl, .parquet) with a text and a label in each row, or the folder
        of the sentence-polarity data (Pang and Lee 2005) as it is published.

        Raises:
            DataError: a column is missing, the table is empty, or it has one label only.
        """
        rows = distinct(pairs_of(path, text_column, label_column))
        check_labels(path.name, rows)
        if test is None:
            return cls(path.name, rows, None)
        tested = distinct(pairs_of(test, text_column, label_column))
        known = sorted(set(rows.values()))
        if strange := sorted(set(tested.values()).difference(known)):
            raise DataError(
                "the labels to test on must be those that are learnt, "
                f"{known}, but {test.name} also has {strange}; rename them or remove these rows"
            )
        return cls(path.name, without(rows, tested), tested)

    def split(self, seed: int, most: int) -> Split:
        """By a hash of each text and the seed, so that it does not depend on the order of rows.

        What is beyond `most` and `MOST_TESTED` stays unread.

        Args:
            most: texts to learn from, if there are so many.

        Raises:
            DataError: one side would be empty, or all that is learnt from has one label.
        """
        order = sorted(
            self.rows, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest()
        )
        if self.test is None:
            most = min(most, int(TRAIN_SHARE * len(order)))
        train = {text: self.rows[text] for text in order[:most]}
        test = self.test or {text: self.rows[text] for text in order[most : most + MOST_TESTED]}
        check_labels(f"{self.name} (seed {seed}, the {len(train)} rows to learn from)", train)
        return Split(train, test)


def pairs_of(
    path: Path, text_column: str | None, label_column: str | None
) -> list[tuple[str, str]]:
    """Text and label of each row."""
    if path.is_dir():
        return labelled_snippets(path)
    found = read_labelled(path, text_column, label_column)
    return list(zip(found.texts, found.labels, strict=True))


def distinct(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each text once, as it came first."""
    seen: set[bytes] = set()
    found = {}
    for text, label in pairs:
        if text.strip() and (digest := text_digest(text)) not in seen:
            seen.add(digest)
            found[" ".join(text.split())] = label
    return found


def without(rows: Rows, others: Rows) -> dict[str, str]:
    """The rows whose text is not among the others'."""
    barred = {text_digest(text) for text in others}
    return {text: label for text, label in rows.items() if text_digest(text) not in barred}


def check_labels(name: str, rows: Rows) -> None:
    """Raises a DataError where there is nothing to tell apart."""
    count = Counter(rows.values())
    if len(count) < FEWEST_LABELS:
        raise DataError(
            f"a classifier needs two labels or more to tell apart, but {name} has "
            f"{len(count)}: {sorted(count)}; add rows of another label"
        )


def pretraining_texts(path: Path, test: Rows, most: int) -> list[str]:
    """Lines of a text to pretrain on, those that are to be tested on left out.

    Raises:
        TextError: see `lines_of`.
        DataError: nothing is left of it.
    """
    lines = distinct((line, "") for line in lines_of(path))
    left = list(islice(without(lines, test), most))
    if not left:
        raise DataError(f"{path} holds no line that is not tested on; give another --text")
    return left


def write_table(path: Path, rows: Rows) -> Path:
    """A CSV that `unmask.finetune` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows.items())
    return path


def sst2() -> Data:
    """SST-2 (Socher et al. 2013, as GLUE has it): phrases to learn from, 872 sentences to test on.

    Raises:
        DataError: it is not in the Hub's cache and cannot be fetched.
    """
    from huggingface_hub import errors, snapshot_download

    get = f"hf download --repo-type dataset {SST2}"
    remedy = (
        f"Where there is a network, run `{get}` and copy the Hub's cache here; or give --data a "
        "table with the columns text and label"
    )
    wanted = [f"data/{part}-*.parquet" for part in ("train", "validation")]
    try:
        folder = Path(snapshot_download(SST2, repo_type="dataset", allow_patterns=wanted))
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise DataError(
            f"--sst2 reads {SST2} from the Hugging Face Hub, but it is not in the cache and the "
            f"Hub cannot be reached. {remedy}"
        ) from None
    except Exception as error:  # the network's errors come from libraries below
        raise DataError(
            f"fetching {SST2} from the Hub broke off: {type(error).__name__}: {error}. {remedy}"
        ) from error
    files = [next(folder.glob(pattern), None) for pattern in wanted]
    if files[0] is None or files[1] is None:
        raise DataError(f"the cache holds {SST2} only in part, at {folder}. {remedy}")
    return replace(Data.read(files[0], files[1]), name="SST-2")
