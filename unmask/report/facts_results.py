"""Facts about what the model can do: held-out accuracy, blanks, classification.

Shares and accuracies are numbers from 0 to 1, losses are nats per token, times are seconds. Every
class checks its own figures when it is made and raises `ConfigError` for one that cannot be, NaN
included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.report.checks import amounts, counts, shares


@dataclass(frozen=True, slots=True)
class Baseline:
    """A guess that needs no network; None where the baseline gives no such figure."""

    name: str
    top1: float
    top5: float | None = None
    loss: float | None = None

    def __post_init__(self) -> None:
        shares(self, "top1", "top5")
        amounts(self, "loss")


@dataclass(frozen=True, slots=True)
class EvaluationFacts:
    """The trained model on held-out text, beside the baselines on the same `targets`."""

    loss: float
    top1: float
    top5: float
    baselines: tuple[Baseline, ...]
    targets: int
    method: str

    def __post_init__(self) -> None:
        amounts(self, "loss")
        shares(self, "top1", "top5")
        counts(self, "targets")


@dataclass(frozen=True, slots=True)
class Guess:
    """A token, written as it reads in text, and the probability that the model gives it."""

    token: str
    probability: float

    def __post_init__(self) -> None:
        shares(self, "probability")


@dataclass(frozen=True, slots=True)
class Blank:
    """A held-out sentence with a word withheld, and the model's guesses, best first."""

    text_before: str
    answer: str
    text_after: str
    guesses: tuple[Guess, ...]
    source: str = ""

    @property
    def rank(self) -> int | None:
        """1 where the first guess is the withheld word, and so on; None where no guess is."""
        wanted = self.answer.strip()
        hits = [
            place for place, guess in enumerate(self.guesses, 1) if guess.token.strip() == wanted
        ]
        return hits[0] if hits else None


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Examples of one label."""

    name: str
    train: int
    test: int

    def __post_init__(self) -> None:
        counts(self, "train", "test")


@dataclass(frozen=True, slots=True)
class MethodScore:
    """One way to classify: an `encoder`, or a `baseline` without one."""

    name: str
    kind: Literal["encoder", "baseline"]
    accuracy: float
    macro_f1: float
    seconds: float

    def __post_init__(self) -> None:
        shares(self, "accuracy", "macro_f1")
        amounts(self, "seconds")


@dataclass(frozen=True, slots=True)
class ClassificationFacts:
    """Classification with free labels.

    Attributes:
        task: what is asked of a text, in a few words.
        labels: with their counts, in the order of the confusion matrix.
        methods: at least one.
        confusion: `confusion[i][j]` counts test texts of label i that were called j.
        confusion_of: the method that the matrix belongs to.
        verdict: why it came out so; the report finds out by itself who won.
    """

    task: str
    labels: tuple[LabelCount, ...]
    methods: tuple[MethodScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusion_of: str
    verdict: str = ""

    def __post_init__(self) -> None:
        if not self.labels or not self.methods:
            raise ConfigError(
                "ClassificationFacts needs a label and a method at least. Where nothing was "
                "classified, give QuickstartFacts.classification_skipped a reason instead."
            )
        if [len(row) for row in self.confusion] != [len(self.labels)] * len(self.labels):
            raise ConfigError(
                f"ClassificationFacts.confusion must be {len(self.labels)} by {len(self.labels)}, "
                "one row and one column a label, and its rows have "
                f"{[len(row) for row in self.confusion]} counts."
            )
        if any(cell < 0 for row in self.confusion for cell in row):
            raise ConfigError(
                "ClassificationFacts.confusion counts texts, and a count is negative."
            )

    @property
    def test_texts(self) -> int:
        """How many texts the accuracies were measured on."""
        return sum(label.test for label in self.labels)
