"""Objectives of a language model by itself: hidden tokens, or the neighbours of each token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from unmask.errors import ConfigError
from unmask.evaluation.neighbours_lm import held_out_tasks
from unmask.heads.model import LanguageModel
from unmask.nn.flops import lm_training_flops
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.neighbours import NeighbourLM
from unmask.objectives.whole_word import WholeWordLM
from unmask.tokens.tokenizer import Tokenizer
from unmask.train.loop import Evaluate, Objective
from unmask.verbs.learning.model import begun, cuts, saver, text_batches
from unmask.verbs.learning.pieces import Figure, Given, Pieces, Said
from unmask.verbs.learning.settings import PAIRS, MaskSettings
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.starting import Begun


def figures(loss: str, tokens: str) -> tuple[Figure, ...]:
    """Those of a language model.

    Args:
        loss: what its loss is called.
        tokens: what it predicts.
    """
    return (
        Figure("loss", f"{loss} on held-out text (nats)", "nats"),
        Figure("top1", f"first guess right, held-out {tokens}", "share"),
        Figure("top5", "among the first five", "share"),
    )


MASKED = Said(
    "fill-mask",
    "encoder",
    "masked language modelling",
    figures("masked loss", "masked tokens"),
    frozenset({"mask"}),
)
WHOLE = replace(MASKED, learning="masked language modelling over whole words")
NEXT = Said(
    "text-generation",
    "model",
    "predicting the next token",
    figures("next-token loss", "next tokens"),
)
BOTH = Said(
    "feature-extraction",
    "encoder",
    "predicting the next and the previous token",
    figures("loss over both directions", "next and previous tokens"),
)


def masking(mask: MaskSettings, tokenizer: Tokenizer) -> Masking:
    """What the settings hide of a tokenizer's vocabulary."""
    return Masking.over(
        tokenizer.vocab_size,
        tokenizer.special_ids,
        tokenizer.mask_id,
        rates=rates_of(mask),
        split=Split(masked=mask.masked, random=mask.random),
    )


def rates_of(mask: MaskSettings) -> Rates:
    """How much the settings hide, and predict of it."""
    return Rates(
        rate=mask.rate, final_rate=mask.final_rate, predict=mask.predict, static=mask.static
    )


def check_masks(mask: MaskSettings) -> None:
    """Check the settings of masks before there is a vocabulary.

    Raises:
        ConfigError: a rate or share is out of its range.
    """
    rates_of(mask)
    Split(masked=mask.masked, random=mask.random)


def check_tokens(mask: MaskSettings, name: str) -> None:
    """Check the settings of an objective that selects tokens one by one.

    Raises:
        ConfigError: see `check_masks`; or it is told what a word is.
    """
    check_masks(mask)
    if mask.words != "characters":
        raise ConfigError(
            f"mask.words={mask.words} would do nothing: the objective {name} selects tokens one by "
            "one; leave it out, or give --objective whole_word"
        )


def check_kept(settings: PretrainSettings) -> None:
    """Check that masks which are to be kept can be: that sequences are the same throughout.

    Masks are drawn at places of sequences. Where a text is cut elsewhere, so are its masks.

    Raises:
        ConfigError: the sequences change in the course of the run.
    """
    if not settings.mask.static:
        return
    name = settings.objective.name
    if name in PAIRS:
        raise ConfigError(
            f"mask.static=true keeps each sequence's masks, but the objective {name} cuts its "
            "pairs anew in every epoch, and none comes a second time; leave mask.static out"
        )
    if len({stage.context for stage in settings.stages}) > 1:
        raise ConfigError(
            "mask.static=true keeps each sequence's masks, but "
            f"ramp.context={list(settings.ramp.context or ())} cuts the text into other sequences "
            "in each stage; leave mask.static or ramp.context out"
        )


def check_single(mask: MaskSettings, name: str) -> None:
    """Check the settings of an objective that predicts all that it hides, in one copy of the text.

    Raises:
        ConfigError: see `check_tokens`; or another share is to be predicted.
    """
    check_tokens(mask, name)
    if mask.predict is not None:
        raise ConfigError(
            f"mask.predict={mask.predict} is for objectives of hidden tokens alone, and {name} has "
            "another term beside them; leave it out, or give --objective mlm"
        )


def masked_lm(mask: MaskSettings, tokenizer: Tokenizer) -> MaskedLM:
    """Masked language modelling over a tokenizer's vocabulary."""
    return MaskedLM(masking(mask, tokenizer))


def mlm(given: Given) -> Pieces:
    """Hidden tokens are predicted where they stand."""
    objective = masked_lm(given.settings.mask, given.prepared.tokenizer)
    return of_language_model(given, lambda made: objective, MASKED)


def whole_word(given: Given) -> Pieces:
    """Hidden words are predicted, all tokens of each."""
    objective = WholeWordLM(masking(given.settings.mask, given.prepared.tokenizer))
    return of_language_model(given, lambda made: objective, WHOLE)


def neighbours(said: Said) -> Callable[[Given], Pieces]:
    """The tokens beside each one are predicted, those that the head is for."""
    return lambda given: of_language_model(
        given, lambda made: NeighbourLM(made.model.head_config.predicts), said
    )


def of_language_model(
    given: Given, objective: Callable[[Begun[LanguageModel]], Objective], said: Said
) -> Pieces:
    """A language model with its objective, over documents one by one."""
    made: Begun[LanguageModel] = begun(given)
    source = text_batches(given)
    model, context = made.model, given.settings.model.context
    head, prepared = model.head_config, given.prepared

    def evaluate(most: int) -> Evaluate:
        texts = prepared.texts("held_out")
        return held_out_tasks(
            prepared.tokenizer, texts, predicts=head.predicts, context=context, most_tokens=most
        )

    def flops(tokens: int, targets: int) -> float:
        rows = targets // len(head.predicts)
        return lm_training_flops(model.encoder.config, tokens, rows, head)

    return Pieces(
        arch=made.arch,
        config=made.config,
        kind="lm",
        model=model,
        objective=objective(made),
        source=source,
        said=said,
        evaluate=evaluate,
        flops=flops,
        save=saver(given, made),
        fills=head.predicts == (0,),
        notes=(*made.notes, *cuts(source, context)),
        origin=made.origin,
    )
