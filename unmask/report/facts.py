"""What a quickstart found out, as frozen dataclasses: the whole input of its report.

Shares and accuracies are numbers from 0 to 1, losses are nats per token, times are seconds. Every
class checks its own figures when it is made and raises `ConfigError` for one that cannot be, NaN
included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from unmask.config import from_mapping
from unmask.errors import ConfigError
from unmask.report.checks import amounts
from unmask.report.facts_results import (
    Baseline,
    Blank,
    ClassificationFacts,
    EvaluationFacts,
    Guess,
    LabelCount,
    MethodScore,
)
from unmask.report.facts_run import (
    CorpusFacts,
    Group,
    HeldOutFacts,
    MaskFacts,
    ModelFacts,
    Setting,
    Share,
    SplitWord,
    StepFacts,
    TokenizerFacts,
    TrainingFacts,
)

__all__ = [
    "Baseline",
    "Blank",
    "ClassificationFacts",
    "Command",
    "CorpusFacts",
    "EvaluationFacts",
    "Group",
    "Guess",
    "HeldOutFacts",
    "LabelCount",
    "MaskFacts",
    "MethodScore",
    "ModelFacts",
    "QuickstartFacts",
    "Rate",
    "Setting",
    "Share",
    "SplitWord",
    "Stage",
    "StepFacts",
    "TokenizerFacts",
    "TrainingFacts",
    "settings",
]


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of something a second brought, such as 31,200 tokens in pretraining."""

    name: str
    per_second: float
    unit: str

    def __post_init__(self) -> None:
        amounts(self, "per_second")


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the journey and how long it took."""

    name: str
    seconds: float

    def __post_init__(self) -> None:
        amounts(self, "seconds")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it does."""

    line: str
    does: str = ""


@dataclass(frozen=True, slots=True)
class QuickstartFacts:
    """Everything a quickstart report shows.

    Exactly one of `classification` and `classification_skipped` (the reason) is given. `finished`
    is a date as the reader should see it, or empty: a report has no clock of its own.
    """

    corpus: CorpusFacts
    tokenizer: TokenizerFacts
    model: ModelFacts
    training: TrainingFacts
    mask: MaskFacts
    evaluation: EvaluationFacts
    blanks: tuple[Blank, ...]
    classification: ClassificationFacts | None = None
    classification_skipped: str = ""
    throughput: tuple[Rate, ...] = ()
    stages: tuple[Stage, ...] = ()
    versions: tuple[Setting, ...] = ()
    hardware: tuple[Setting, ...] = ()
    commands: tuple[Command, ...] = ()
    finished: str = ""

    def __post_init__(self) -> None:
        if (self.classification is None) == (not self.classification_skipped):
            raise ConfigError(
                "QuickstartFacts needs either classification or classification_skipped, the "
                "reason why there is none; it has both or neither."
            )

    def to_json(self) -> str:
        """Write the facts as JSON, which `from_json` reads back."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> QuickstartFacts:
        """Read facts back.

        Raises:
            ConfigError: broken JSON, an unknown or missing field, or a value that cannot be.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"facts are read from JSON, and this is none: {error}. Run the command again that "
                "wrote them."
            ) from None
        if not isinstance(raw, Mapping):
            raise ConfigError(f"facts are a JSON object, not {type(raw).__name__}. Check the file.")
        return from_mapping(cls, raw)


def settings(values: Mapping[str, object]) -> tuple[Setting, ...]:
    """A mapping, such as one from packages to versions, as rows of a report."""
    return tuple(Setting(name, str(value)) for name, value in values.items())
