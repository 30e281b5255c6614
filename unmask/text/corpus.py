"""A prepared corpus on disk: two files of documents, and one that says what they are.

- `train.jsonl`: one {"text", "source", "group"} a line;
- `held_out.jsonl`: the same, of documents that are never trained on;
- `corpus.json`: digests, options, counts; written last, so a folder without it is unfinished.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from unmask.errors import ConfigError, CorruptText, TextError
from unmask.text.documents import Document
from unmask.text.formats import shown

Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)
MANIFEST = "corpus.json"
FORMAT = 1
"""Raised when the same input would be prepared to another text than before."""


@dataclass(frozen=True, slots=True)
class CorpusStats:
    """Counts of what was read, left out and kept.

    Attributes:
        files: files read.
        skipped: files found and not read: count by suffix, or by a reason in brackets.
        records: records seen (lines, in plain text; docstrings, in Python files).
        bad_places: places left out under `on_bad="skip"`.
        lost_bytes: stored bytes that could not be read because of them.
        bad_examples: the first of them, as `file:line: reason`.
        found_documents: documents before anything was cut or dropped.
        cut_documents: documents longer than 1 % of the corpus, cut into blocks.
        dropped_paragraphs: paragraphs that had been there before.
        dropped_documents: documents of which nothing was left without those.
        train_documents: documents to train on.
        held_out_documents: documents to measure on.
        paragraphs: paragraphs kept, of both splits, as all counts below.
        words: runs of characters between white space.
        characters: characters.
        groups: documents in each of the 20 largest groups.
    """

    files: int
    skipped: dict[str, int]
    records: int
    bad_places: int
    lost_bytes: int
    bad_examples: tuple[str, ...]
    found_documents: int
    cut_documents: int
    dropped_paragraphs: int
    dropped_documents: int
    train_documents: int
    held_out_documents: int
    paragraphs: int
    words: int
    characters: int
    groups: dict[str, int]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A prepared corpus.

    Attributes:
        folder: where it stands.
        digest: SHA-256 of what the corpus says: texts, groups, order and split. Equal digests mean
            equal training data; what is computed from a corpus is keyed by it.
        source_digest: SHA-256 of the raw input, as `source_digest` gives it.
        options: the settings that it was prepared with.
        file_digests: SHA-256 of each split's file.
        stats: counts.
    """

    folder: Path
    digest: str
    source_digest: str
    options: Mapping[str, Any]
    file_digests: Mapping[str, str]
    stats: CorpusStats

    @classmethod
    def open(cls, folder: Path | str) -> Corpus:
        """Opens a corpus that `prepare` has finished.

        Raises:
            TextError: the folder holds none, or one of another format or with a file missing.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / MANIFEST).read_bytes())
        except OSError:
            raise TextError(
                f"{shown(folder)} holds no finished corpus ({MANIFEST} is missing). Prepare it "
                "again from its text."
            ) from None
        except ValueError as error:
            raise _unusable(folder, f"{MANIFEST} is not readable ({error})") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise _unusable(folder, f"it is not of format {FORMAT}")
        for split in SPLITS:
            if not (folder / f"{split}.jsonl").is_file():
                raise _unusable(folder, f"{split}.jsonl is missing")
        try:
            stats = content["stats"] | {"bad_examples": tuple(content["stats"]["bad_examples"])}
            return cls(
                folder,
                content["digest"],
                content["source_digest"],
                content["options"],
                content["file_digests"],
                CorpusStats(**stats),
            )
        except (KeyError, TypeError) as error:
            raise _unusable(folder, f"{MANIFEST} lacks an entry ({error})") from None

    def manifest(self) -> str:
        """The content of `corpus.json`."""
        content = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        content |= {"format": FORMAT, "stats": asdict(self.stats)}
        del content["folder"]
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def documents(self, split: Split) -> Iterator[Document]:
        """The documents of one split, read from disk as a stream.

        Raises:
            ConfigError: there is no such split.
            CorruptText: the file is damaged.
        """
        if split not in SPLITS:
            raise ConfigError(f"A split is one of {', '.join(SPLITS)}, not {split!r}.")
        file = self.folder / f"{split}.jsonl"
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Document(**json.loads(line))
                except (ValueError, TypeError) as error:
                    reason = f"the prepared corpus is damaged ({error})"
                    raise CorruptText(shown(file), number, reason) from None


def _unusable(folder: Path, reason: str) -> TextError:
    return TextError(
        f"The corpus in {shown(folder)} cannot be used: {reason}. Delete the folder and prepare it "
        "again from its text."
    )
