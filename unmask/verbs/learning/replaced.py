"""Replaced-token detection: a generator and a discriminator, of which the latter is the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unmask.arch.registry import arch_of
from unmask.arch.spec import Arch, PublishedConfig
from unmask.checkpoint.folder import save_model
from unmask.checkpoint.formats import GENERATOR
from unmask.checkpoint.layers import kept_config
from unmask.errors import ConfigError
from unmask.evaluation.replaced import ReplacedEvaluation
from unmask.heads.model import LanguageModel
from unmask.heads.replaced import ReplacedTokens, check_shared
from unmask.nn.config import TokenHeadConfig
from unmask.nn.flops import lm_training_flops, token_training_flops
from unmask.nn.init import initialise
from unmask.objectives.rtd import ReplacedTokenDetection, require_weight
from unmask.report.card import Card, model_card
from unmask.tokens.tokenizer import Tokenizer
from unmask.train.loop import Evaluate
from unmask.verbs.learning.model import config_of, cuts, text_batches
from unmask.verbs.learning.pieces import Figure, Given, Pieces, Said, in_transformers
from unmask.verbs.learning.replaced_health import CHECKS, figures
from unmask.verbs.learning.settings import MaskSettings, RtdSettings
from unmask.verbs.learning.tokens import check_single, rates_of
from unmask.verbs.pretrain_settings import PretrainSettings

HEAD = 8  # a generator's heads are a multiple of this wide, as kernels want them

SAID = Said(
    "feature-extraction",
    "discriminator",
    "replaced-token detection",
    (
        Figure("accuracy", "discriminator right, held-out tokens", "share"),
        Figure("base", "right by always giving the commoner answer", "share"),
        Figure("recall", "replaced tokens that it finds", "share"),
        Figure("replaced", "tokens that are replaced, held-out", "share"),
        Figure("put_back", "masked tokens that the generator put back as they were", "share"),
        Figure("loss", "discriminator's loss on held-out text (nats)", "nats"),
        Figure("generator_loss", "generator's masked loss on held-out text (nats)", "nats"),
        Figure("generator_top1", "generator's first guess right, held-out masked tokens", "share"),
    ),
    frozenset({"mask", "rtd"}),
    frozenset({"mask.masked", "mask.random"}),
)


def generator_config(
    arch: Arch[Any], config: PublishedConfig, settings: RtdSettings
) -> PublishedConfig:
    """The generator's configuration: a share of the discriminator's width, and of its depth.

    Heads, width and feed-forward block are each the share nearest to what is asked for that gives
    whole heads, at least one; of the layers the first ones are taken.
    """
    asked, depth = settings.generator, config.num_hidden_layers
    config = kept_config(arch, config, range(max(1, round(depth * settings.depth))))
    if asked == 1.0:
        return config
    fields = config.model_dump()
    heads = max(1, round(fields["num_attention_heads"] * asked))
    width = HEAD * heads * max(1, round(config.hidden_size * asked / heads / HEAD))
    sizes = {
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": HEAD * max(1, round(fields["intermediate_size"] * asked / HEAD)),
    }
    if arch.name == "electra":
        # What is in common is as wide as in the discriminator; a layer of its own narrows it.
        sizes["embedding_size"] = width if settings.share == "none" else fields["embedding_size"]
    smaller: PublishedConfig = arch.check({**fields, **sizes})
    return smaller


def check(settings: PretrainSettings, config: PublishedConfig) -> None:
    """Check that a generator and a discriminator can be made, before there is any text.

    Raises:
        ConfigError: they cannot, or a setting would do nothing.
    """
    arch = arch_of(settings.model.arch)
    if settings.model.start is not None:
        raise ConfigError(
            "the objective rtd begins with a generator and a discriminator of drawn weights, but "
            f"a model to go on from is given, {settings.model.start}; leave --from out, or give "
            "--objective mlm"
        )
    mask, default = settings.mask, MaskSettings()
    given = [n for n in ("masked", "random") if getattr(mask, n) != getattr(default, n)]
    if given:
        told = ", ".join(f"mask.{name}={getattr(mask, name)}" for name in given)
        raise ConfigError(
            f"{told} would do nothing: under the objective rtd every selected token is masked, and "
            "then replaced by the generator; leave it out"
        )
    check_single(mask, "rtd")
    require_weight(settings.rtd.weight)
    smaller = generator_config(arch, config, settings.rtd)
    check_shared(arch.encoder(smaller), arch.encoder(config), settings.rtd.share)


def rtd(given: Given) -> Pieces:
    """The discriminator says of every token whether the generator put it there."""
    settings, prepared = given.settings, given.prepared
    tokenizer, context = prepared.tokenizer, settings.model.context
    arch = arch_of(settings.model.arch)
    config = config_of(settings, None, tokenizer.vocab_size, tokenizer.pad_id)
    smaller = generator_config(arch, config, settings.rtd)
    model = _new(settings, arch, config, smaller).to(given.device)
    source = text_batches(given)

    def evaluate(most: int) -> Evaluate:
        texts = (document.text for document in prepared.corpus.documents("held_out"))
        return ReplacedEvaluation.over(
            tokenizer, texts, context=context, judged=settings.rtd.judged, most_tokens=most
        )

    def flops(tokens: int, targets: int) -> float:
        # Of all ordinary tokens, the main term's targets, the generator's rows are a share.
        rates = rates_of(settings.mask)
        share = (rates.rate + rates.last) / 2 if settings.rtd.judged == "all" else 1.0
        generator, rows = model.generator, round(targets * share)
        encoder = model.discriminator.encoder.config
        return lm_training_flops(
            generator.encoder.config, tokens, rows, generator.head_config
        ) + token_training_flops(encoder, tokens, targets, model.discriminator.head_config)

    def save(folder: Path, card: str) -> None:
        model.float()
        beside = folder.parent / GENERATOR
        opens = in_transformers(arch, smaller, "lm")
        said = _card(settings, model.generator, beside, folder, opens)
        save_model(
            beside, model.generator,
            arch=arch, config=smaller, tokenizer=tokenizer, card=said, replace=True,
        )  # fmt: skip
        save_model(folder, model.alone(), arch=arch, config=config, tokenizer=tokenizer, card=card)

    return Pieces(
        arch=arch,
        config=config,
        kind="discriminator",
        model=model,
        objective=_objective(settings, tokenizer),
        source=source,
        said=SAID,
        evaluate=evaluate,
        flops=flops,
        save=save,
        notes=(_sizes(model), *cuts(source, context)),
        parameters=sum(p.numel() for p in model.alone().parameters()),
        figures=figures,
        checks=CHECKS,
    )


def _objective(settings: PretrainSettings, tokenizer: Tokenizer) -> ReplacedTokenDetection:
    """Replaced-token detection over a tokenizer's vocabulary."""
    return ReplacedTokenDetection.over(
        tokenizer.vocab_size,
        tokenizer.special_ids,
        tokenizer.mask_id,
        rates=rates_of(settings.mask),
        weight=settings.rtd.weight,
        judged=settings.rtd.judged,
    )


def _new(
    settings: PretrainSettings, arch: Arch[Any], config: PublishedConfig, smaller: PublishedConfig
) -> ReplacedTokens:
    """Both models with drawn weights."""
    head = arch.head("discriminator", config)
    assert isinstance(head, TokenHeadConfig)
    model = ReplacedTokens(
        (arch.encoder(smaller), arch.lm_head(smaller)),
        (arch.encoder(config), head),
        settings.rtd.share,
    )
    draws = torch.Generator().manual_seed(settings.run.seed)
    for part in (model.generator, model.discriminator):
        initialise(part, settings.model.std, len(part.encoder.config.layers), draws)
    model.begin()
    return model


def _sizes(model: ReplacedTokens) -> str:
    """What there is of parameters, as a note."""
    small, large = model.generator.encoder.config, model.discriminator.encoder.config
    count = sum(p.numel() for p in model.parameters())
    return (
        f"a generator of {len(small.layers)} layers, {small.width} wide, and a discriminator of "
        f"{len(large.layers)}, {large.width} wide: {count:,} parameters together"
    )


def _card(
    settings: PretrainSettings, generator: LanguageModel, folder: Path, model: Path, opens: bool
) -> str:
    """The generator's card."""
    count = sum(p.numel() for p in generator.parameters())
    return model_card(
        Card(
            name=f"{folder.parent.name}: the generator",
            folder=str(folder),
            task="fill-mask",
            summary=(
                f"A {settings.model.arch} masked language model of {count:,} parameters, the "
                "generator of a run of replaced-token detection. The run's model is the "
                f"discriminator in {model.name}/ beside it, which is the better one to fine-tune."
            ),
            data=f"The text of that run; the card in {model.name}/ says it, with all settings.",
            opens_in_transformers=opens,
        )
    )
