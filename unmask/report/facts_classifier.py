"""What a classifier's evaluation found out: the whole input of its report."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.evaluation.classification import ClassificationFigures
from unmask.report.facts_measured import About, Length, check_rows


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One row and what the classifier says of it.

    Attributes:
        text: of the row.
        truth, guess: labels.
        score: the guess's probability, 0 to 1.
        length: of the text.
    """

    text: str
    truth: str
    guess: str
    score: float
    length: Length

    @property
    def right(self) -> bool:
        """Whether the guess is."""
        return self.truth == self.guess


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """A classifier on labelled rows.

    Attributes:
        about: what was measured, and another classifier.
        figures: over all rows; with those of confidence.
        rows: each of them.
    """

    about: About
    figures: ClassificationFigures
    rows: tuple[AnsweredRow, ...]

    def __post_init__(self) -> None:
        """Check that the rows are those of the figures."""
        check_rows(self.rows, self.figures.rows)
