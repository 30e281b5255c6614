"""Facts about the text, the tokenizer, the model and its training.

Shares and accuracies are numbers from 0 to 1, losses are nats per token, times are seconds. Every
class checks its own figures when it is made and raises `ConfigError` for one that cannot be, NaN
included.
"""

from __future__ import annotations

from dataclasses import dataclass

from unmask.report.checks import amounts, counts, finite, shares


@dataclass(frozen=True, slots=True)
class Group:
    """Documents of one origin, such as a package or a folder."""

    name: str
    documents: int

    def __post_init__(self) -> None:
        counts(self, "documents")


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """The text: `documents` are those of training; `held_out_documents` come on top of them."""

    documents: int
    paragraphs: int
    words: int
    characters: int
    duplicates_dropped: int
    held_out_documents: int
    groups: tuple[Group, ...]
    source_note: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts(self, "documents", "paragraphs", "words", "characters")
        counts(self, "duplicates_dropped", "held_out_documents")


@dataclass(frozen=True, slots=True)
class SplitWord:
    """A word and the tokens it falls into."""

    word: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """The tokenizer: `kind` is its algorithm, `vocabulary` its number of tokens."""

    kind: str
    vocabulary: int
    tokens_per_word: float
    unknown_share: float
    examples: tuple[SplitWord, ...] = ()

    def __post_init__(self) -> None:
        counts(self, "vocabulary")
        amounts(self, "tokens_per_word")
        shares(self, "unknown_share")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the recipe, as a reader would look for it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The encoder: `context` is the longest sequence in tokens, `dtype` what it computed in."""

    architecture: str
    layers: int
    width: int
    heads: int
    parameters: int
    context: int
    dtype: str
    optimiser: str
    recipe: tuple[Setting, ...] = ()

    def __post_init__(self) -> None:
        counts(self, "layers", "width", "heads", "parameters", "context")


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One update: `tokens` and `seconds` count from the start of the run."""

    step: int
    tokens: int
    seconds: float
    loss: float
    lr: float
    tokens_per_second: float

    def __post_init__(self) -> None:
        counts(self, "step", "tokens")
        amounts(self, "seconds", "lr", "tokens_per_second")
        finite(self, "loss")


@dataclass(frozen=True, slots=True)
class HeldOutFacts:
    """One evaluation on held-out text during training."""

    step: int
    loss: float
    top1: float
    top5: float

    def __post_init__(self) -> None:
        counts(self, "step")
        amounts(self, "loss")
        shares(self, "top1", "top5")


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """Pretraining: `skipped_steps` had a loss that was not finite and are absent from `steps`."""

    steps: tuple[StepFacts, ...]
    evaluations: tuple[HeldOutFacts, ...]
    total_tokens: int
    wall_seconds: float
    share_of_peak: float | None = None
    peak_memory_bytes: int | None = None
    resumed: int = 0
    skipped_steps: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts(self, "total_tokens", "peak_memory_bytes", "resumed", "skipped_steps")
        amounts(self, "wall_seconds")
        shares(self, "share_of_peak")


@dataclass(frozen=True, slots=True)
class Share:
    """A share that was asked for, and the one that was counted."""

    expected: float
    measured: float

    def __post_init__(self) -> None:
        shares(self, "expected", "measured")


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """What masking did to `tokens` tokens; the last three are shares of the selected ones."""

    tokens: int
    selected: Share
    masked: Share
    random: Share
    kept: Share

    def __post_init__(self) -> None:
        counts(self, "tokens")
