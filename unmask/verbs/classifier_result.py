"""What `unmask evaluate` says of a classifier, alone or beside another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.evaluation.bootstrap import Difference
from unmask.evaluation.classification import ClassificationFigures
from unmask.verbs.evaluation_facts import as_facts, left_out, written


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two models are right on the same rows.

    Attributes:
        both, first, second, neither: rows on which so many are right.
    """

    both: int
    first: int
    second: int
    neither: int


@dataclass(frozen=True, slots=True)
class ClassifierComparison:
    """A classifier beside another one, on the same rows.

    Attributes:
        model, other: what the two were called.
        differences: first less second, by figure, with intervals.
        agreement: on which rows they are right.
        figures: of the other.
        truncated: texts that the other cut to its context.
        verdict: what may be said of their accuracy.
    """

    model: str
    other: str
    differences: tuple[Difference, ...]
    agreement: Agreement
    figures: ClassificationFigures
    truncated: int
    verdict: str

    def in_words(self) -> dict[str, str]:
        """For people: a line for each figure, and the verdict."""
        rows = {
            f"  {one.figure}": f"{one.first:.3f} against {one.second:.3f}: {one.in_words()}"
            for one in self.differences
        }
        each = self.agreement
        told = (
            f"both {each.both:,}, only {self.model} {each.first:,}, only {self.other} "
            f"{each.second:,}, neither {each.neither:,}"
        )
        cut = {"  texts it cut": f"{self.truncated:,}"} if self.truncated else {}
        return {
            f"against {self.other}": f"{self.model} less {self.other}",
            **rows,
            **cut,
            "  right": told,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class ClassifierEvaluation:
    """A classifier on labelled rows.

    Attributes:
        model: its folder.
        data: the table, and which of its columns were read.
        figures: what came out.
        truncated: texts that were cut to the context.
        skipped: bad places of the table that were left out.
        against: another classifier on the same rows; None without one.
        report: the page that was written; None without one.
    """

    model: Path
    data: str
    figures: ClassificationFigures
    truncated: int
    skipped: int
    against: ClassifierComparison | None = None
    report: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        return as_facts(self)

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and what each label has of them."""
        lost = left_out("texts cut to the context", self.truncated, self.skipped)
        rows = {f"  {one.label}": str(one) for one in self.figures.labels}
        against = self.against.in_words() if self.against else {}
        return {**self.figures.in_words(), **lost, **rows, **against, **written(self.report)}
