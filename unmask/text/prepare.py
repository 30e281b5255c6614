"""Sources to corpus: cut what is too long, drop what is repeated, hold some documents out.

The sources are read once, into a file beside the result, because what is too long depends on the
length of the whole. A second pass over that file does the rest. Both hold one document in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from unmask.errors import ConfigError, TextError
from unmask.text.bad import Reading
from unmask.text.corpus import MANIFEST, SPLITS, Corpus, CorpusStats
from unmask.text.documents import Document
from unmask.text.formats import shown
from unmask.text.making import Making, as_line
from unmask.text.readers import Unit
from unmask.text.sources import Sources, source_digest

LONG_SHARE = 100
"""A document of more than one part in so many of the corpus's characters is cut into blocks."""
_WORK = ".preparing"
_EVERY = 1 << 10
_READING_SHARE = 0.7

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all, now and then and at the end."""


def prepare(
    sources: Sources,
    out_dir: Path | str,
    *,
    field: str = "text",
    document: Unit | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    held_out: float = 0.05,
    progress: Progress | None = None,
) -> Corpus:
    """Makes a corpus out of sources, or opens the one that stands there if it is of the same.

    Documents longer than 1 % of the corpus are cut into their paragraphs, or lines where they have
    none. Then paragraphs that were there before (same words; case and white space do not count)
    are dropped. A document goes to one side by a hash of its text alone, so the same text is on
    the same side in every corpus.

    Args:
        sources: what to read.
        out_dir: folder for the corpus; made if it is not there.
        field: column or key of the text, in files with records.
        document: what a document is, or None for what each kind of file suggests.
        on_bad: "stop" at a bad place, or "skip" it, counted.
        max_bad: greatest share of bad records (and of unreadable bytes) under "skip".
        held_out: share of documents to hold out, above 0 and up to 0.5.
        progress: told how far the work has come.

    Raises:
        ConfigError: an argument is out of range.
        CorruptText: a bad place, under "stop".
        TextError: nothing is left, or one side is empty, or too much is bad, or a file of the
            corpus that stands there was changed.
    """
    if not 0 < held_out <= 0.5:
        raise ConfigError(f"held_out is a share above 0 and up to 0.5, not {held_out!r}.")
    options: dict[str, Any] = {
        "field": field,
        "document": document,
        "on_bad": on_bad,
        "max_bad": max_bad,
        "held_out": held_out,
    }
    folder = Path(out_dir)
    digest = source_digest(sources)
    show = _scaled(progress, sources)
    if (standing := _standing(folder, digest, options)) is not None:
        show(1.0)
        return standing
    work = folder / _WORK
    shutil.rmtree(work, ignore_errors=True)  # what a killed process left there
    work.mkdir(parents=True)
    try:
        corpus = _make(sources, work, digest, options, show)
        _publish(corpus, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return corpus


def _make(
    sources: Sources,
    work: Path,
    digest: str,
    options: Mapping[str, Any],
    show: Callable[[float], None],
) -> Corpus:
    """Both passes; the files of the corpus are left in `work`."""
    total = sum(file.size for file in sources.files)
    reading = Reading(
        options["on_bad"],
        options["max_bad"],
        lambda done: show(_READING_SHARE * done / max(1, total)),
    )
    documents = sources.documents(reading, field=options["field"], document=options["document"])
    found, characters = _spool(documents, work / "spool")
    reading.check(total)
    _check_unchanged(sources)
    with Making(work, options["held_out"], limit=max(1, characters // LONG_SHARE)) as making:
        for document in _spooled(work / "spool", show):
            making.take(document)
    stats = making.stats(sources, reading, found)
    _check_sides(stats, reading)
    show(1.0)
    return Corpus(work.parent, making.digest(), digest, options, making.file_digests(), stats)


def _spool(documents: Iterator[Document], path: Path) -> tuple[int, int]:
    """Writes documents to a file; returns how many there were, and their characters."""
    found = characters = 0
    with path.open("wb") as file:
        for document in documents:
            file.write(as_line(document))
            found += 1
            characters += len(document.text)
    return found, characters


def _spooled(path: Path, show: Callable[[float], None]) -> Iterator[Document]:
    size = max(1, path.stat().st_size)
    done = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield Document(**json.loads(line))
            done += len(line)
            if number % _EVERY == 0:
                show(_READING_SHARE + (1 - _READING_SHARE) * done / size)


def _scaled(progress: Progress | None, sources: Sources) -> Callable[[float], None]:
    """Turns a share of the whole work into the caller's bytes."""
    total = sum(file.size for file in sources.files)

    def show(share: float) -> None:
        if progress is not None:
            progress(min(total, round(share * total)), total)

    return show


def _standing(folder: Path, digest: str, options: dict[str, Any]) -> Corpus | None:
    """The corpus in a folder if it is made of the same input by the same options, else None."""
    if not (folder / MANIFEST).is_file():
        return None
    corpus = Corpus.open(folder)
    if corpus.source_digest != digest or corpus.options != options:
        return None
    for split, expected in corpus.file_digests.items():
        with (folder / f"{split}.jsonl").open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise TextError(
                    f"{shown(folder)}/{split}.jsonl was changed since it was prepared. Delete the "
                    "folder to prepare it again, or name another one."
                )
    return corpus


def _check_unchanged(sources: Sources) -> None:
    for file in sources.files:
        if file.path.stat().st_size != file.size:
            raise TextError(
                f"{shown(file.path)} changed while it was read. Run again when it is at rest."
            )


def _check_sides(stats: CorpusStats, reading: Reading) -> None:
    """Raises TextError if there is nothing to train on, or nothing to measure on."""
    kept = stats.train_documents + stats.held_out_documents
    if not kept:
        bad = f", and {reading.bad:,} bad places were left out" if reading.bad else ""
        raise TextError(
            f"The corpus is empty: no text in {stats.records:,} lines or records of "
            f"{stats.files:,} file(s){bad}. Check --text, and --field if they hold records."
        )
    for side, count in (
        ("to train on", stats.train_documents),
        ("held out", stats.held_out_documents),
    ):
        if not count:
            raise TextError(
                f"No document is {side}: each text's hash decides, and the corpus is too small for "
                f"that ({kept:,} documents). Give more text, make documents smaller (--document "
                "line or blank-line), or change the share that is held out."
            )


def _publish(corpus: Corpus, work: Path) -> None:
    """Moves the finished files to their place; the manifest goes first from there and comes last.

    So the folder never holds a manifest beside files of another corpus.
    """
    manifest = work / MANIFEST
    with manifest.open("w", encoding="utf-8") as file:
        file.write(corpus.manifest())
        file.flush()
        os.fsync(file.fileno())
    (corpus.folder / MANIFEST).unlink(missing_ok=True)
    for name in (*(f"{split}.jsonl" for split in SPLITS), MANIFEST):
        os.replace(work / name, corpus.folder / name)
