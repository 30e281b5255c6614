"""The table in docs/architectures.md: `python -m tests.parity.page` measures and writes it.

The tests read it back: a row or a column that is missing, or a number that no longer holds, fails.
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
from tests.parity.table import CHECKS, Check

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architectures.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def shown(value: float) -> str:
    """Two digits, in a form that reads back."""
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.1e}"


def title(check: Check) -> str:
    return f"{check.head}: {check.what}"


def stated(text: str) -> dict[str, dict[str, float]]:
    """The page's numbers by row and column."""
    block = text.partition(BEGIN)[2].partition(END)[0]
    lines = [line.strip().strip("|").split("|") for line in block.splitlines() if "|" in line]
    head, *body = [[cell.strip() for cell in line] for line in lines] or [[]]
    return {
        name: dict(zip(head[1:], map(float, values), strict=True)) for name, *values in body[1:]
    }


def processor() -> str:
    """The processor's own name for itself, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measured() -> str:
    """The table, and how it was made."""
    head = ["architecture", *map(title, CHECKS)]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    with tempfile.TemporaryDirectory() as folder:
        for row in ROWS:
            pairs = {c.head: Pair(row, c.head, Path(folder) / row.name / c.head) for c in CHECKS}
            values = [shown(check.measure(pairs[check.head])) for check in CHECKS]
            lines.append(" | ".join([row.name, *values]))
    how = (
        f"Measured {datetime.date.today()} with PyTorch {torch.__version__} and transformers "
        f"{transformers.__version__} on {processor()}, one thread."
    )
    return "\n".join([*(f"| {line} |" for line in lines), "", how])


def main() -> None:
    torch.set_num_threads(1)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{measured()}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")


if __name__ == "__main__":
    main()
