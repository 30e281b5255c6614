"""Hidden spans of words, predicted where they stand and from what bounds them."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from unmask.errors import ConfigError
from unmask.heads.boundary import BoundaryModel
from unmask.heads.model import LanguageModel
from unmask.nn.flops import lm_head_flops
from unmask.nn.init import initialise
from unmask.objectives.masking import Masking
from unmask.objectives.span import SpanBoundaryLM, SpanLM
from unmask.objectives.spans import Lengths
from unmask.train.loop import Evaluate
from unmask.verbs.learning.pieces import Given, Pieces
from unmask.verbs.learning.settings import SpanSettings
from unmask.verbs.learning.tokens import MASKED, check_masks, masking, of_language_model, rates_of
from unmask.verbs.pretrain_settings import PretrainSettings

# Rows of the table of places for each word of the longest span. A word is between one and two
# tokens on average, so that few tokens share the last row; the authors keep 20 for ten words, and
# do not ask for the tokens behind them.
PLACES = 4
_SEEDS = 2**31  # those of runs lie below: no two draws of first weights begin alike

SPAN = replace(
    MASKED,
    learning=f"{MASKED.learning} over spans of words",
    rooms=frozenset({"mask", "span"}),
    unused=frozenset({"mask.predict"}),
)
BOTH = replace(SPAN, learning=f"{SPAN.learning}, predicted from their boundaries too")


def check(settings: PretrainSettings) -> None:
    """Check the settings of masks and spans before there is any text.

    Raises:
        ConfigError: one is out of its range, or would do nothing.
    """
    check_masks(settings.mask)
    wanted, context = settings.span, settings.model.context
    SpanLM(Masking.over(8, range(5), 4, rates=rates_of(settings.mask)), _lengths(wanted))
    if wanted.most > context:
        raise ConfigError(
            f"a span of span.most={wanted.most} words never fits into a context of {context} "
            "tokens; give fewer words, or a longer --context"
        )
    if not 0.0 <= wanted.boundary < math.inf:
        raise ConfigError(
            "the weight of the boundary's loss, span.boundary, must be at least 0 and finite, not "
            f"{wanted.boundary}; the paper's is 1, and 0 leaves that loss out"
        )


def _lengths(wanted: SpanSettings) -> Lengths:
    return Lengths(wanted.length_p, wanted.most)


def span(given: Given) -> Pieces:
    """A masked language model whose masks are spans, with a head for their boundaries beside it."""
    wanted = given.settings.span
    objective = SpanLM(masking(given.settings.mask, given.prepared.tokenizer), _lengths(wanted))
    pieces = of_language_model(given, lambda made: objective, SPAN)
    return pieces if wanted.boundary == 0.0 else _bounded(given, pieces, objective)


def _bounded(given: Given, pieces: Pieces, objective: SpanLM) -> Pieces:
    """The same with the head and its loss. What is saved and evaluated is the language model."""
    wanted, model = given.settings.span, pieces.model
    assert isinstance(model, LanguageModel)
    both = BoundaryModel(model, PLACES * wanted.most)
    draws = torch.Generator().manual_seed(_SEEDS + given.settings.run.seed)
    initialise(both.boundary, given.settings.model.std, 1, draws)
    both.to(given.device)
    encoder = model.encoder.config

    def evaluate(most: int) -> Evaluate:
        figures = pieces.evaluate(most)
        return lambda trained: figures(trained.language_model)

    def flops(tokens: int, targets: int) -> float:
        # The head's second layer and the table are as the language model's; the first reads three.
        head = lm_head_flops(encoder, targets) + 2 * targets * 3 * encoder.width**2
        return pieces.flops(tokens, targets) + 3 * head

    count = sum(p.numel() for p in both.boundary.parameters())
    return replace(
        pieces,
        model=both,
        objective=SpanBoundaryLM(objective, wanted.boundary),
        said=BOTH,
        evaluate=evaluate,
        flops=flops,
        parameters=sum(p.numel() for p in model.parameters()),
        notes=(*pieces.notes, f"a head for the boundaries of spans, {count:,} parameters, which is "
               "trained beside the model and not saved with it"),
    )  # fmt: skip
