"""How likely a language model finds texts: minimal pairs, and perplexity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.folder import open_language_model
from unmask.errors import TextError
from unmask.evaluation.minimal_pairs import MinimalPairFigures, measure, read_pairs
from unmask.evaluation.pseudo import How, likelihoods
from unmask.verbs.evaluate_text import Texts
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class PairsEvaluation:
    """A language model on minimal pairs.

    Attributes:
        model: its folder.
        score: how it was asked.
        figures: what came out.
    """

    model: Path
    score: How
    figures: MinimalPairFigures

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        facts = asdict(self)
        figures: dict[str, Any] = facts.pop("figures")
        return {**facts, **figures}

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and a row for each phenomenon."""
        found = self.figures
        return {
            "right": f"{found.accuracy:.1%} of {found.pairs:,} pairs, the mean over paradigms "
            f"(95 %: {found.low:.1%} to {found.high:.1%}; chance: 50 %)",
            **{
                f"  {one.name.replace('_', ' ')}": f"{one.right:.1%} of {one.pairs:,}"
                for one in found.phenomena
            },
        }


@dataclass(frozen=True, slots=True)
class PerplexityEvaluation:
    """A language model on text, each token given the others, or those before or behind it.

    Attributes:
        model: its folder.
        score: how it was asked.
        perplexity: exp of the mean negative log-probability of a token; of a model of both
            directions, over its predictions from both.
        masked: whether it is a pseudo-perplexity, of a model that sees both sides.
        texts, tokens: how many were scored.
    """

    model: Path
    score: How
    perplexity: float
    masked: bool
    texts: int
    tokens: int

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        name = "pseudo-perplexity" if self.masked else "perplexity"
        return {name: f"{self.perplexity:.2f} over {self.tokens:,} tokens of {self.texts:,} texts"}


@dataclass(frozen=True, slots=True)
class Scoring:
    """A language model that is asked how likely texts are.

    Attributes:
        folder: of the model.
        device: it runs on.
        how: of a masked model.
        watch: is told of the progress.
    """

    folder: Path
    device: torch.device
    how: How
    watch: Watch

    def pairs(self, data: str | Path, most: int | None) -> PairsEvaluation:
        """On minimal pairs: those of a file or folder, of each paradigm at most so many.

        Raises:
            DataError: see `read_pairs`.
        """
        pairs = read_pairs(data, most)
        opened = open_language_model(self.folder, device=self.device)
        with self.watch.stage(f"scoring {len(pairs):,} pairs"):
            figures = measure(opened.model, opened.tokenizer, pairs, how=self.how)
        return PairsEvaluation(self.folder, self.how, figures)

    def perplexity(self, texts: Texts) -> PerplexityEvaluation:
        """On texts, each of which must fit the context.

        Raises:
            TooLong: a text does not fit.
            TextError: there is no token to score.
        """
        asked = texts()
        opened = open_language_model(self.folder, device=self.device)
        with self.watch.stage("scoring the text"):
            found = likelihoods(opened.model, opened.tokenizer, asked, how=self.how)
        if not (tokens := int(found.tokens.sum())):
            raise TextError(
                f"perplexity is that of tokens, but the {len(found.totals):,} texts of "
                f"{', '.join(map(str, texts.paths))} have none; check --text"
            )
        return PerplexityEvaluation(
            model=self.folder,
            score=self.how,
            perplexity=found.perplexity,
            masked=opened.model.head_config.predicts == (0,),
            texts=len(found.totals),
            tokens=tokens,
        )
