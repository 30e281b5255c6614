"""The tables of docs/conformance.md: `python -m tests.parity.page` measures and writes them.

The tests read them back: a row that is missing, or a number that no longer holds, fails.
"""

from __future__ import annotations

import datetime
import platform
import sys
import tempfile
from pathlib import Path

import torch
import transformers

from tests.parity.compare import Pair
from tests.parity.oracles import ROWS
from tests.parity.table import CELLS, OF_ENCODER, OF_HEAD, checks
from unmask.arch.registry import ARCHS
from unmask.arch.spec import HeadKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
COLUMNS = tuple(check.what for check in (*OF_ENCODER, *OF_HEAD))
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def shown(value: float) -> str:
    """Two digits, in a form that reads back."""
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.1e}"


Stated = dict[tuple[str, str], dict[str, float]]
"""Numbers by row of the table (configuration and head) and by column."""


def stated(text: str) -> Stated:
    """The numbers of a page, configuration by configuration."""
    block = text.partition(BEGIN)[2].partition(END)[0]
    found: Stated = {}
    for line in block.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 2 + len(COLUMNS) and cells[0] != "configuration" and "---" not in line:
            name, kind, *numbers = cells
            pairs = zip(COLUMNS, numbers, strict=True)
            found[name, kind] = {what: float(number) for what, number in pairs if number}
    return found


def processor() -> str:
    """The processor's own name for itself, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measured() -> str:
    """The tables, and how they were made."""
    numbers: Stated = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (row, kind) in enumerate(CELLS):
            pair = Pair(row, kind, Path(folder) / str(number))
            numbers[row.name, kind] = {c.what: c.measure(pair) for c in checks(kind)}
    how = (
        f"Measured {datetime.date.today()} with PyTorch {torch.__version__} and transformers "
        f"{transformers.__version__} on {processor()}, one thread."
    )
    return "\n".join([*summary(numbers), "", *details(numbers), "", how])


def summary(numbers: Stated) -> list[str]:
    """The largest number of each architecture."""
    lines = table("architecture", "configurations", "heads", *COLUMNS)
    for arch in ARCHS:
        names = [row.name for row in ROWS if row.arch == arch]
        kinds = dict.fromkeys(kind for row, kind in CELLS if row.arch == arch)
        largest = {
            what: max(numbers[name, kind].get(what, 0.0) for name in names for kind in kinds)
            for what in COLUMNS
        }
        cells = [arch, str(len(names)), str(len(kinds) - 1), *map(shown, largest.values())]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def details(numbers: Stated) -> list[str]:
    """Every number, for each head of each configuration."""
    lines = table("configuration", "model", *COLUMNS)
    for (name, kind), found in numbers.items():
        cells = [shown(found[what]) if what in found else "" for what in COLUMNS]
        lines.append(f"| {' | '.join([name, kind, *cells])} |")
    return lines


def table(*head: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]


def missing(name: str, kind: HeadKind, found: Stated) -> bool:
    """Whether the page lacks a number for a head of a configuration."""
    return found.get((name, kind), {}).keys() != {check.what for check in checks(kind)}


def main() -> None:
    torch.set_num_threads(1)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{measured()}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")


if __name__ == "__main__":
    main()
