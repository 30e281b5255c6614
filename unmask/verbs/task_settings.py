"""Settings of single tasks of a fine-tuning run; those of vectors are in `embed_settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.checkpoint.use import Scale
from unmask.errors import ConfigError

RankLoss = Literal["pointwise", "listwise", "mse"]
FEW_TEMPERATURE, FEW_STRENGTH = 0.05, 0.03  # by a trial, see docs/log.md
FEW_UNLABELLED = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneAnswer:
    """Attributes:
    window: tokens of a row, question and special tokens included; None for what the model's folder
        says, or else 384 or its context.
    overlap: tokens that neighbouring windows of a long text share; None for what the folder says,
        or else 128.
    longest: tokens of an answer at most; None for what the folder says, or else 30.
    """

    window: int | None = None
    overlap: int | None = None
    longest: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneRank:
    """Attributes:
    loss: "pointwise" for binary cross-entropy of each query and document by itself; "listwise" for
        cross-entropy over the documents of each query together; "mse" for a teacher's logits.
    scale: what the score of the finished model is: a "logit", a "probability", or one "calibrated"
        on the dev rows; None for calibrated where the dev labels are all 0 or 1, else for a
        probability, and for a logit of "mse".
    """

    loss: RankLoss = "pointwise"
    scale: Scale | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneFewShot:
    """Attributes:
    use: learn from 8 to 64 texts of each label: draw those of one label together, then fit a linear
        layer.
    temperature: cosines of texts are divided by it; the lower, the more the nearest count.
    strength: inverse regularisation of the logistic regression that gives the layer.
    names: read the names of the labels as texts too, where they are words and help to tell rows
        that are left out.
    most_unlabelled: of more texts without a label than that, so many are drawn.
    """

    use: bool = False
    temperature: float = FEW_TEMPERATURE
    strength: float = FEW_STRENGTH
    names: bool = True
    most_unlabelled: int = FEW_UNLABELLED

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.strength <= 0 or self.most_unlabelled <= 0:
            raise ConfigError(
                "few_shot.temperature, few_shot.strength and few_shot.most_unlabelled must be "
                f"above 0, not {self.temperature}, {self.strength} and {self.most_unlabelled}"
            )
        default = (FEW_TEMPERATURE, FEW_STRENGTH, True, FEW_UNLABELLED)
        given = (self.temperature, self.strength, self.names, self.most_unlabelled)
        if not self.use and given != default:
            raise ConfigError(
                f"few_shot.temperature={self.temperature}, few_shot.strength={self.strength}, "
                f"few_shot.names={str(self.names).lower()} and few_shot.most_unlabelled="
                f"{self.most_unlabelled} do nothing without --few-shot (few_shot.use=true)"
            )
