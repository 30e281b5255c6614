"""The settings that only `unmask finetune --task embed` has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.objectives.contrastive import TEMPERATURE, Directions, check_temperature
from unmask.objectives.related import KEPT, TOKENS

EmbedLoss = Literal["contrastive", "ranking", "cosine", "margin", "kl"]

# Peak learning rate and epochs up to a width. There is no new head to learn, and a model that gives
# vectors already is easily moved too far.
EMBED_RECIPES = ((256, 2e-4, 3), (512, 5e-5, 1), (None, 2e-5, 1))
EMBED_UPDATES = 50  # fewer hardly move a model


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneEmbed:
    """Attributes:
    loss: "contrastive" to find a query's document among those of its update; of graded pairs
        "ranking" for their order or "cosine" for the grade itself; of a teacher's scores "margin"
        for their differences or "kl" for the shares of a query's documents. None for the first
        of those that the columns tell.
    temperature: cosines are divided by it, but for "cosine"; 0.05 is a scale of 20.
    directions: of "contrastive", whether "queries" look for their documents alone, or "both" for
        each other.
    matryoshka: the loss is also that of the vectors' first so many numbers, for each of these.
    query_prompt, document_prompt: put before each text, and saved with the model; None for what
        its folder says.
    tokens: read at once.
    kept_tokens: of an update of which all is kept that the gradient needs; texts beyond are read
        twice, so that memory does not grow with `budget.batch`.
    """

    loss: EmbedLoss | None = None
    temperature: float = TEMPERATURE
    directions: Directions = "queries"
    matryoshka: tuple[int, ...] = ()
    query_prompt: str | None = None
    document_prompt: str | None = None
    tokens: int = TOKENS
    kept_tokens: int = KEPT

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        if self.tokens < 1 or self.kept_tokens < 0:
            raise ConfigError(
                "embed.tokens must be at least 1 and embed.kept_tokens at least 0, not "
                f"{self.tokens} and {self.kept_tokens}"
            )
        dims = self.matryoshka
        if min(dims, default=1) < 1 or len(set(dims)) < len(dims):
            raise ConfigError(
                "embed.matryoshka must be different numbers of at least 1, such as [64, 128], not "
                f"{list(dims)}"
            )


EMBED_SETTINGS = tuple(f"embed.{name}" for name in TuneEmbed.__dataclass_fields__)
"""All of them, as `room.key`."""
