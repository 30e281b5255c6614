"""What a classifier's evaluation found out: the whole input of its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import Difference
from unmask.evaluation.classification import ClassificationFigures


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One row and what the classifier says of it.

    Attributes:
        text: of the row.
        truth, guess: labels.
        score: the guess's probability, 0 to 1.
        tokens: of the text.
    """

    text: str
    truth: str
    guess: str
    score: float
    tokens: int

    @property
    def right(self) -> bool:
        """Whether the guess is."""
        return self.truth == self.guess


@dataclass(frozen=True, slots=True)
class Against:
    """Another classifier on the same rows.

    Attributes:
        other: what it is called.
        differences: this model less the other, by figure; at least one.
        agreement: rows by who is right, by what the page says of them.
        verdict: what may be concluded.
    """

    other: str
    differences: tuple[Difference, ...]
    agreement: Mapping[str, int]
    verdict: str


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """A classifier on labelled rows.

    Attributes:
        model: what it is called.
        data: what it was measured on, in words.
        when: a date.
        figures: over all rows; with those of confidence.
        rows: each of them.
        truncated: texts that were cut to the context.
        skipped: bad places of the data that were left out.
        against: another classifier, or None.
    """

    model: str
    data: str
    when: str
    figures: ClassificationFigures
    rows: tuple[AnsweredRow, ...]
    truncated: int
    skipped: int
    against: Against | None

    def __post_init__(self) -> None:
        """Check that the rows are those of the figures."""
        if len(self.rows) != self.figures.rows:
            raise ConfigError(
                f"a report shows the rows that its figures are of, but has {len(self.rows)} rows "
                f"for figures of {self.figures.rows}"
            )
