"""What the measures of whole processes share: a small model's folder, and tables of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any, Literal

from unmask.bench.drawn import drawn
from unmask.bench.measure import Setting
from unmask.bench.texts import documents, minilm

SIZE, CONTEXT = "2x128", 512  # those of the published bert-tiny
LINE = 1 << 20  # characters of a long line
QUICKER = 16  # how many times smaller tables are in a smoke test

Lines = Literal["short", "long"]
TABLES: Mapping[str, tuple[Lines, int]] = {
    "short-1": ("short", 1_000_000),
    "short-8": ("short", 8_000_000),
    "short-32": ("short", 32_000_000),
    "long-32": ("long", 32_000_000),
}
"""By name: one paragraph a line or 2^20 characters a line, and bytes."""
LARGE: Mapping[str, tuple[Lines, int]] = {
    "short-10": ("short", 10_000_000),
    "short-1000": ("short", 1_000_000_000),
}


def startup(setting: Setting) -> dict[str, Any]:
    """A small language model."""
    return {"folder": str(small_model(Path(setting.work)))}


def memory(setting: Setting) -> dict[str, Any]:
    """Tables of docstrings over and over, and two models."""
    return _tables(setting, TABLES)


def memory_large(setting: Setting) -> dict[str, Any]:
    """The same with a table of 10⁹ bytes."""
    return _tables(setting, LARGE)


def _tables(setting: Setting, wanted: Mapping[str, tuple[Lines, int]]) -> dict[str, Any]:
    work = Path(setting.work)
    texts = documents(work)
    tables, told = {}, {}
    for name, (lines, size) in wanted.items():
        path = work / f"table-{name}{'-quick' if setting.quick else ''}.jsonl"
        told[name] = write_table(path, texts, lines, size // (QUICKER if setting.quick else 1))
        tables[name] = str(path)
    models = {
        "least": [str(least_model(work)), "--pooling", "mean"],
        "tiny": [str(small_model(work)), "--pooling", "mean"],
        "minilm": [str(minilm())],
    }
    common = {"work": setting.work, "threads": setting.threads}
    return {**common, "tables": tables, "models": models, "told": told}


def write_table(path: Path, texts: list[str], lines: Lines, size: int) -> str:
    """Texts as JSON Lines, from the first again behind the last, until the file has `size` bytes.

    Args:
        path: the file; what is there is written anew.
        texts: some.
        lines: "short" for the first paragraph of each as a line, "long" for `LINE` characters of
            all of them together.
        size: of the file; the last line goes beyond it.

    Returns:
        In words how much it is.
    """
    rows = filled = 0
    with path.open("wb") as file:
        for text in _short(texts) if lines == "short" else _long(texts):
            filled += file.write(json.dumps({"text": text}).encode() + b"\n")
            rows += 1
            if filled >= size:
                break
    return f"{rows:,} lines of {filled // rows:,} bytes"


def _short(texts: list[str]) -> Iterator[str]:
    firsts = [text.split("\n\n")[0] for text in texts]
    return chain.from_iterable(repeat(firsts))


def _long(texts: list[str]) -> Iterator[str]:
    whole = "\n\n".join(texts)
    whole *= -(-LINE // len(whole))  # enough for a line, where the texts are few
    around = whole + whole[:LINE]
    for number in count():
        start = number * LINE % len(whole)
        yield around[start : start + LINE]


def least_model(work: Path) -> Path:
    """BERT of 1 layer, 64 wide, drawn likewise: a file of 1 GB is read in minutes, not in hours."""
    folder = work / "bert-least"
    drawn(folder, "bert", "lm", size="1x64", context=CONTEXT)
    return folder


def small_model(work: Path) -> Path:
    """BERT of 2 layers, 128 wide, with drawn weights and the tokens of all-MiniLM-L6-v2."""
    folder = work / "bert-tiny"
    drawn(folder, "bert", "lm", size=SIZE, context=CONTEXT)
    return folder
