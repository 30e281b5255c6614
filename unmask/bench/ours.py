"""The arms of this package: its pipelines, as a user calls them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from unmask.bench import texts as of_texts
from unmask.bench.arm import F32, Arm
from unmask.bench.timing import arm
from unmask.errors import ConfigError
from unmask.pipelines.embed import Embedder

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def opened(pipeline: Any, folder: str | Path, precision: str, **options: Any) -> Any:
    """A pipeline in a precision.

    Raises:
        ConfigError: the pipeline cannot compute so.
    """
    known = inspect.signature(pipeline.from_pretrained).parameters
    if unknown := sorted(set(options) - set(known)):
        raise ConfigError(f"{pipeline.__name__} has no option {', '.join(unknown)}")
    if "precision" in known:
        return pipeline.from_pretrained(folder, precision=precision, **options)
    if precision not in DTYPES:
        raise ConfigError(f"{pipeline.__name__} does not compute in {precision}")
    return pipeline.from_pretrained(folder, dtype=DTYPES[precision], **options)


def embedder(
    folder: str,
    texts: str,
    tokens: int,
    precision: str,
    work: str = "",
    threads: int = 0,
    max_length: int = 0,
    one_by_one: bool = False,
    **options: Any,
) -> Arm:
    """`unmask.Embedder`."""
    model = opened(Embedder, lengthened(folder, max_length, work), precision, **options)

    def encode(some: Any) -> F32:
        found: F32 = model.encode(some)
        return found

    return arm(encode, of_texts.loaded(texts), tokens, one_by_one)


def lengthened(folder: str, max_length: int, work: str) -> Path:
    """The folder, or where another limit is asked for, a copy of it with that one."""
    import json
    import shutil

    if not max_length:
        return Path(folder)
    copy = Path(work) / f"model-{max_length}"
    if not copy.is_dir():
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("manifest.json", "onnx"))
        path = copy / "sentence_bert_config.json"
        said = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**said, "max_seq_length": max_length}), "utf-8")
    return copy
