"""Reading is a stream: memory does not grow with the corpus, and little with one long line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.text.bad import Reading
from unmask.text.corpus import Corpus
from unmask.text.prepare import prepare
from unmask.text.sources import TextSources

MIB = 1 << 20
TEXT = "paragraph {} of a text" + " that-is-one-very-long-word-to-split-and-digest-and-write" * 20


def peak_of(work: Callable[[], object]) -> int:
    """Bytes allocated at most while this runs, above what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def large(path: Path, size: int) -> Path:
    """A file of about so many bytes, before compression."""
    lines = size // len(TEXT)
    if path.name.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow")
        texts = [TEXT.format(n) for n in range(lines)]
        table = arrow.table({"text": texts})
        pytest.importorskip("pyarrow.parquet").write_table(table, path, row_group_size=10_000)
        return path
    if ".jsonl" in path.name:
        rows = (json.dumps({"n": n, "text": TEXT.format(n)}) for n in range(lines))
    elif ".csv" in path.name:
        rows = ("text,n" if n == 0 else f'"{TEXT.format(n)}",{n}' for n in range(lines))
    else:
        rows = (f"{TEXT.format(n)}\n" for n in range(lines))
    raw = "\n".join(rows).encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw, 1)
    elif path.suffix == ".zst":
        raw = pytest.importorskip("zstandard").compress(raw)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    "name", ["a.txt", "a.txt.gz", "a.txt.zst", "a.jsonl", "a.jsonl.zst", "a.csv", "a.parquet"]
)
def test_reading_takes_the_same_memory_however_long_the_file(name, tmp_path):
    sources = TextSources.find([large(tmp_path / name, 8 * MIB)])
    assert peak_of(lambda: sum(1 for _ in sources.documents(Reading()))) < 4 * MIB


def test_preparing_takes_the_same_memory_however_long_the_file(tmp_path):
    sources = TextSources.find([large(tmp_path / "a.txt", 12 * MIB)])
    assert peak_of(lambda: prepare(sources, tmp_path / "out")) < 4 * MIB
    corpus = Corpus.open(tmp_path / "out")
    assert corpus.stats.found_documents > 8_000
    assert peak_of(lambda: sum(1 for _ in corpus.documents("train"))) < MIB


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.jsonl.gz", "a.txt.zst"])
def test_a_long_line_takes_a_few_times_its_length(name, tmp_path):
    line = "a-word-of-thirty-two-characters " * (2 * MIB // 32)
    start, end = {
        "a.jsonl": ('{"text": "', '"}\n'),
        "a.csv": ('n,text\n1,"', '"\n'),
    }.get(name.removesuffix(".gz"), ("", "\n"))
    raw = f"{start}{line}{end}".encode()
    path = tmp_path / name
    if name.endswith(".gz"):
        raw = gzip.compress(raw, 1)
    elif name.endswith(".zst"):
        raw = pytest.importorskip("zstandard").compress(raw)
    path.write_bytes(raw)
    (tmp_path / "b.txt").write_text("\n\n".join(f"Short text {n}." for n in range(300)))
    sources = TextSources.find([path, tmp_path / "b.txt"])
    assert peak_of(lambda: prepare(sources, tmp_path / "out")) < 8 * len(line)
    corpus = Corpus.open(tmp_path / "out")
    texts = [d.text for split in ("train", "held_out") for d in corpus.documents(split)]  # type: ignore[arg-type]
    assert line.strip() in {text.strip() for text in texts}
