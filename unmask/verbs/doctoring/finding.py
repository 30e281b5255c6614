"""What a check found, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning", "ok"]
LEVELS: tuple[Level, ...] = ("error", "warning", "ok")
"""From the worst."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at, in a word or two.
        level: "error" where answers are wrong, "warning" where they may be, "ok" where all is well.
        found: what is there, with numbers.
        why: it matters; empty where all is well.
        remedy: what to do; empty where all is well.
    """

    check: str
    level: Level
    found: str
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """All findings of a model, the worst first.

    Attributes:
        model: its folder.
        data: the file that was read with it, or None.
        findings: in the order in which they are told.
    """

    model: Path
    data: Path | None
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, model: Path, data: Path | None, findings: Sequence[Finding]) -> DoctorResult:
        """Findings put in order: the worst first, else as they were looked for."""
        ordered = sorted(findings, key=lambda one: LEVELS.index(one.level))
        return cls(model, data, tuple(ordered))

    def of_level(self, level: Level) -> tuple[Finding, ...]:
        """Those of one level."""
        return tuple(one for one in self.findings if one.level == level)

    @property
    def healthy(self) -> bool:
        """Whether there is no error; there may be warnings."""
        return not self.of_level("error")

    def in_words(self) -> str:
        """For people: a paragraph for each finding, and a line that counts them."""
        width = max((len(one.check) for one in self.findings), default=0)
        indent = " " * (9 + width + 2)
        lines = []
        for one in self.findings:
            lines.append(f"{one.level:<9}{one.check:<{width}}  {one.found}")
            lines += [f"{indent}{more}" for more in (one.why, one.remedy) if more]
        counts = [(len(self.of_level(level)), level) for level in LEVELS]
        told = ", ".join(
            f"{count} {level}{'s' * (count != 1 and level != 'ok')}" for count, level in counts
        )
        return "\n".join([*lines, "", told])
