"""What the results of all evaluations have in common: facts for programs, counts for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def as_facts(result: Any) -> dict[str, Any]:
    """A result for programs: its `figures` beside the rest.

    Args:
        result: a dataclass.
    """
    facts = asdict(result)
    figures: dict[str, Any] = facts.pop("figures")
    return {**facts, **figures}


def left_out(what: str, truncated: int, skipped: int) -> dict[str, str]:
    """What was not read, for people; nothing where there was none.

    Args:
        what: was cut, in words.
        truncated: how many were cut.
        skipped: bad places that were left out.
    """
    counts = {what: truncated, "bad places left out": skipped}
    return {words: f"{count:,}" for words, count in counts.items() if count}
