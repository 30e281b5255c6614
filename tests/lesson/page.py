"""The lesson's page, in parts."""

from __future__ import annotations

import re
from pathlib import Path

LESSON = Path(__file__).resolve().parents[2] / "lesson"


def page() -> str:
    """All of `lesson/README.md`."""
    return (LESSON / "README.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The section whose heading begins so."""
    return re.split(r"^## ", page().split(f"\n## {heading}")[1], maxsplit=1, flags=re.M)[0]


def blocks(text: str) -> list[str]:
    """The blocks of output in a part of the page."""
    return re.findall(r"```text\n(.*?)\n```", text, re.S)
