"""Writing texts to a small file of any format that is read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """Writes texts as records, or as lines of plain text, in the format that the name asks for."""
    inner = path.name.removesuffix(".gz").removesuffix(".zst")
    if inner.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table({"id": list(range(len(texts))), "text": texts}), path)
        return path
    if inner.endswith((".jsonl", ".json-lines")):
        content = "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts)
    elif inner.endswith(".csv"):
        quoted = ('"' + text.replace('"', '""') + '"' for text in texts)
        content = "id,text\n" + "".join(f"1,{text}\n" for text in quoted)
    else:
        content = "".join(f"{text}\n" for text in texts)
    raw = content.encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw, mtime=0)
    elif path.suffix == ".zst":
        raw = pytest.importorskip("zstandard").compress(raw)
    path.write_bytes(raw)
    return path
