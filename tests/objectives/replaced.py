"""Small pairs of generator and discriminator, and generators of which all is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from unmask.arch.registry import arch_of, sized_config
from unmask.batches.batch import Batch
from unmask.heads.replaced import ReplacedTokens, Share
from unmask.nn.init import initialise
from unmask.objectives.masking import Rates
from unmask.objectives.rtd import ReplacedTokenDetection
from unmask.verbs.learning.replaced import generator_config
from unmask.verbs.learning.settings import RtdSettings

VOCAB, SPECIAL, MASK, CLS, SEP = 21, range(5), 4, 2, 3


def pair(
    share: Share = "tokens", seed: int = 0, generator: float = 0.25, vocab: int = VOCAB
) -> ReplacedTokens:
    """An ELECTRA of one layer of width 64 and a generator of width 16."""
    arch: Any = arch_of("electra")
    config = sized_config("electra", "1x64", vocab_size=vocab, context=32, pad_token_id=0)
    smaller = generator_config(arch, config, RtdSettings(share=share, generator=generator))
    model = ReplacedTokens(
        (arch.encoder(smaller), arch.lm_head(smaller)),
        (arch.encoder(config), arch.head("discriminator", config)),
        share,
    )
    initialise(model, 0.05, 1, torch.Generator().manual_seed(seed))
    model.begin()
    return model


def detection(rate: float = 0.3, weight: float = 50.0) -> ReplacedTokenDetection:
    return ReplacedTokenDetection.over(VOCAB, SPECIAL, MASK, rates=Rates(rate=rate), weight=weight)


class Fixed(nn.Module):
    """A generator that learns nothing: scores by the rows that it is asked for."""

    def __init__(self, scores: Callable[[Batch, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        return self.scores(batch, rows)


def uniform(batch: Batch, rows: torch.Tensor) -> torch.Tensor:
    """Every token is equally probable."""
    return torch.zeros(len(rows), VOCAB)


def always(token: int) -> Callable[[Batch, torch.Tensor], torch.Tensor]:
    """One token for certain."""

    def scores(batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        made = torch.full((len(rows), VOCAB), -1e4)
        made[:, token] = 0.0
        return made

    return scores
