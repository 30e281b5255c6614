"""The arms of this package: its pipelines, as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from unmask.bench import texts as of_texts
from unmask.bench.arm import F32, Arm
from unmask.bench.exports import once
from unmask.bench.timing import arm
from unmask.nn.prepared import Precision
from unmask.pipelines.embed import Embedder


def embedder(
    folder: str,
    texts: str,
    tokens: int,
    precision: Precision,
    work: str = "",
    threads: int = 0,
    max_length: int = 0,
    one_by_one: bool = False,
    **options: Any,
) -> Arm:
    """`unmask.Embedder`."""
    model = Embedder.from_pretrained(
        lengthened(folder, max_length, work), precision=precision, **options
    )

    def encode(some: Any) -> F32:
        found: F32 = model.encode(some)
        return found

    return arm(encode, of_texts.loaded(texts), tokens, one_by_one)


def lengthened(folder: str, max_length: int, work: str) -> Path:
    """The folder, or where another limit is asked for, a copy of it with that one."""
    if not max_length:
        return Path(folder)

    def make(copy: Path) -> None:
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("manifest.json", "onnx"))
        path = copy / "sentence_bert_config.json"
        said = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**said, "max_seq_length": max_length}), "utf-8")

    return once(Path(work) / f"model-{max_length}", make)
