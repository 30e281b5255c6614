"""Objectives over pairs of texts: hidden tokens, and what each pair is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from unmask.arch.registry import arch_of
from unmask.arch.spec import PublishedConfig
from unmask.batches.pairs import PairBatches, PairKind
from unmask.errors import ConfigError
from unmask.evaluation.pairs import PairEvaluation
from unmask.heads.model import PretrainingModel
from unmask.nn.flops import lm_training_flops
from unmask.objectives.pairs import PairLM
from unmask.text.sentences import splitter
from unmask.train.loop import Evaluate
from unmask.verbs.learning.model import begun, saver
from unmask.verbs.learning.pieces import Figure, Given, Pieces, Said
from unmask.verbs.learning.settings import PairSettings
from unmask.verbs.learning.tokens import MASKED, check_single, masked_lm
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.starting import Begun

_LEARNING = {
    "nsp": "telling whether a second text follows the first",
    "sop": "telling whether two texts stand in order",
}


def said(kind: PairKind) -> Said:
    """The words for a model of these pairs."""
    return Said(
        MASKED.task,
        MASKED.noun,
        f"{MASKED.learning} and {_LEARNING[kind]}",
        (
            *MASKED.figures,
            Figure("pairs_accuracy", "pairs told right, held-out", "share"),
            Figure("pairs_base", "by always giving the commoner answer", "share"),
        ),
        MASKED.rooms | {"pairs"},
    )


def check_pairs(settings: PretrainSettings, config: PublishedConfig) -> None:
    """Check the settings of masks and pairs, and the model, before there is any text.

    Raises:
        ConfigError: a setting is out of its range, or the model cannot tell two texts apart.
        TextError: what finds sentences is not installed, or no such language can be.
    """
    check_single(settings.mask, settings.objective.name or "nsp")
    pairs, arch = settings.pairs, arch_of(settings.model.arch)
    if not 0.0 < pairs.negatives < 1.0:
        raise ConfigError(
            f"pairs.negatives must lie between 0 and 1, not be {pairs.negatives}: with one kind of "
            "pair there is nothing to tell; leave it out for half of each"
        )
    if not 0.0 < pairs.weight < math.inf:
        raise ConfigError(
            f"pairs.weight must be above 0 and finite, not {pairs.weight}; to learn hidden "
            "tokens alone give --objective mlm"
        )
    if pairs.splitter != "sentences" and pairs.language != PairSettings().language:
        raise ConfigError(
            f"pairs.language={pairs.language} would do nothing: it is for sentences, and "
            f"pairs.splitter is {pairs.splitter}; give pairs.splitter=sentences, or leave it out"
        )
    if (segments := arch.encoder(config).embedding.segments) < 2:
        raise ConfigError(
            f"pairs need a model that tells two texts apart by segments, but this {arch.name} has "
            f"{segments}. Start from another model, or leave --from out"
        )
    splitter(pairs.splitter, pairs.language)


def pairs(kind: PairKind) -> Callable[[Given], Pieces]:
    """A model that tells pairs of that kind, with its objective and its batches."""
    return partial(_pieces, kind)


def batches(kind: PairKind) -> Callable[[Given], PairBatches]:
    """Its batches alone."""
    return partial(_source, kind)


def _pieces(kind: PairKind, given: Given) -> Pieces:
    settings, prepared = given.settings, given.prepared
    source = _source(kind, given)
    made: Begun[PretrainingModel] = begun(given, "pretraining")
    model = made.model

    def texts() -> Iterator[str]:
        return (document.text for document in prepared.corpus.documents("held_out"))

    def evaluate(most: int) -> Evaluate:
        return PairEvaluation.over(
            prepared.tokenizer,
            texts,
            kind=kind,
            cut=splitter(settings.pairs.splitter, settings.pairs.language),
            context=settings.model.context,
            most_tokens=most,
        )

    def flops(tokens: int, targets: int) -> float:
        # The head for pairs reads one token of each sequence: a thousandth of the whole.
        return lm_training_flops(model.encoder.config, tokens, targets, model.head_config.tokens)

    return Pieces(
        arch=made.arch,
        config=made.config,
        kind="pretraining",
        model=model,
        objective=PairLM(masked_lm(settings.mask, prepared.tokenizer), settings.pairs.weight),
        source=source,
        said=said(kind),
        evaluate=evaluate,
        flops=flops,
        save=saver(given, made),
        fills=True,
        notes=(*made.notes, *source.runs.notes()),
        origin=made.origin,
    )


def _source(kind: PairKind, given: Given) -> PairBatches:
    """Batches of pairs of the training text."""
    settings, prepared = given.settings, given.prepared
    assert prepared.units is not None
    return PairBatches.over(
        prepared.store.tokens,
        prepared.store.offsets,
        prepared.units,
        layout=prepared.tokenizer.layout.pair,
        kind=kind,
        context=settings.model.context,
        budget=settings.budget.tokens_per_step // settings.budget.accumulate,
        seed=settings.run.seed,
        negatives=settings.pairs.negatives,
        window=settings.budget.window,
        on_long=settings.budget.on_long,
    )
