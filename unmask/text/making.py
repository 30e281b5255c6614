"""The second pass of `prepare`: cut, drop what is repeated, choose the side, write, count."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from unmask.text.bad import Reading
from unmask.text.corpus import SPLITS, CorpusStats, Split
from unmask.text.documents import Document
from unmask.text.paragraphs import Seen, blocks, count_words, paragraphs, text_digest
from unmask.text.sources import Sources

_LARGEST_GROUPS = 20
_JSON = json.JSONEncoder(ensure_ascii=False)


class _Writer:
    """One split's file while it is written."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO = path.open("wb")
        self.digest = hashlib.sha256()
        self.count = 0

    def write(self, document: Document) -> None:
        line = as_line(document)
        self.file.write(line)
        self.digest.update(line)
        self.count += 1

    def close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


class Making:
    """Documents in, the two files of a corpus and their counts out.

    Args:
        folder: where the files are written.
        held_out: share of the documents to hold out.
        limit: characters from which on a document is cut into blocks.
    """

    def __init__(self, folder: Path, held_out: float, limit: int) -> None:
        self._bar = int(held_out * 2**64)
        self._limit = limit
        self._seen = Seen(folder / "seen")
        self._writers: dict[Split, _Writer] = {
            split: _Writer(folder / f"{split}.jsonl") for split in SPLITS
        }
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()

    def __enter__(self) -> Making:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()
        for writer in self._writers.values():
            writer.close()

    def take(self, document: Document) -> None:
        """Takes in a document as it was read."""
        if len(document.text) <= self._limit:
            self._take_whole(document)
            return
        pieces = 0
        for block in blocks(document.text, self._limit):
            self._take_whole(Document(block, document.source, document.group))
            pieces += 1
        self._counts["cut_documents"] += pieces > 1

    def _take_whole(self, document: Document) -> None:
        text, group = document.text, document.group
        there = list(paragraphs(text))
        kept = [paragraph for paragraph in there if self._seen.add(paragraph)]
        self._counts["dropped_paragraphs"] += len(there) - len(kept)
        if not kept:
            self._counts["dropped_documents"] += 1
            return
        if len(kept) < len(there):
            text = "\n\n".join(kept)
        side: Split = "held_out" if _hash(text) < self._bar else "train"
        self._writers[side].write(Document(text, document.source, group))
        content = text.encode()
        self._digest.update(f"{side} {len(group)} {group} {len(content)} ".encode())
        self._digest.update(content)
        self._groups[group] += 1
        self._counts["paragraphs"] += len(kept)
        self._counts["words"] += count_words(text)
        self._counts["characters"] += len(text)

    def digest(self) -> str:
        """SHA-256 of what the corpus says: texts, groups, order and split."""
        return self._digest.hexdigest()

    def file_digests(self) -> dict[str, str]:
        """SHA-256 of each split's file."""
        return {split: writer.digest.hexdigest() for split, writer in self._writers.items()}

    def stats(self, sources: Sources, reading: Reading, found: int) -> CorpusStats:
        """All counts of both passes."""
        return CorpusStats(
            files=len(sources.files),
            skipped={**sources.skipped, **reading.skipped},
            records=reading.seen,
            bad_places=reading.bad,
            lost_bytes=reading.lost_bytes,
            bad_examples=tuple(reading.examples),
            found_documents=found,
            cut_documents=self._counts["cut_documents"],
            dropped_paragraphs=self._counts["dropped_paragraphs"],
            dropped_documents=self._counts["dropped_documents"],
            train_documents=self._writers["train"].count,
            held_out_documents=self._writers["held_out"].count,
            paragraphs=self._counts["paragraphs"],
            words=self._counts["words"],
            characters=self._counts["characters"],
            groups=dict(self._groups.most_common(_LARGEST_GROUPS)),
        )


def _hash(text: str) -> int:
    return int.from_bytes(text_digest(text)[:8], "big")


def as_line(document: Document) -> bytes:
    """A document as a line of JSON."""
    entry = {"text": document.text, "source": document.source, "group": document.group}
    return _JSON.encode(entry).encode() + b"\n"
