"""The model of a run, new or begun from another, what it learns, and from what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import torch

from unmask.arch.registry import arch_of, sized_config
from unmask.arch.spec import Arch, PublishedConfig
from unmask.batches.loader import PretrainingBatches
from unmask.checkpoint.origin import Origin
from unmask.errors import ConfigError, UnsupportedModel
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.objectives.corrupt import Split
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.neighbours import NeighbourLM
from unmask.tokens.tokenizer import Tokenizer
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import Optimizer
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import MaskSettings, PretrainSettings
from unmask.verbs.start_settings import Start, start_config
from unmask.verbs.starting import Begun, begin
from unmask.verbs.trial import Trial


@dataclass(frozen=True, slots=True)
class Pieces:
    """A model and what it learns from.

    Attributes:
        notes: what a person should know of how the model begins.
        origin: the model on the Hub that it goes on from, if it does.
    """

    arch: Arch[Any]
    config: PublishedConfig
    model: LanguageModel
    objective: MaskedLM | NeighbourLM
    source: PretrainingBatches
    notes: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def in_transformers(self) -> bool:
        """Whether the published format can express the model."""
        try:
            self.arch.class_of(self.config, "lm")
            self.config.published()
        except UnsupportedModel:
            return False
        return True

    def trial(
        self,
        settings: PretrainSettings,
        device: torch.device,
        dtype: torch.dtype,
        advance: Callable[[float], None],
    ) -> Trial:
        """Time some steps on a copy of the model."""
        loop = LoopConfig(
            steps=10_000, accumulate=settings.budget.accumulate, seed=settings.run.seed
        )
        return Trial.of(
            self.model,
            lambda model: Run(
                model,
                self.objective,
                self.source,
                loop,
                Optimizer(model, settings.optim),
                settings.schedule,
                device,
                dtype,
            ),
            advance,
        )


def check(settings: PretrainSettings, start: Start | None) -> None:
    """Refuse settings that cannot be served before any work is done and any folder is made.

    Raises:
        ConfigError, UnsupportedModel: the first that is wrong.
    """
    if settings.tokenizer.vocab_size < 8:
        raise ConfigError(
            "a vocabulary has five special tokens and needs others, but vocab_size is "
            f"{settings.tokenizer.vocab_size}"
        )
    config = _config(settings, start, max(settings.tokenizer.vocab_size, 8), 0)
    if arch_of(settings.model.arch).lm_head(config).predicts == (0,):
        _masking(settings, 8, (0, 1, 2, 3, 4), 4)
    else:
        _check_no_masks(settings)
    LoopConfig(steps=1, accumulate=settings.budget.accumulate, keep=settings.run.keep)
    per_batch = settings.budget.tokens_per_step // settings.budget.accumulate
    if per_batch < settings.model.context:
        raise ConfigError(
            "a batch must hold the longest sequence, but tokens_per_step / accumulate is "
            f"{per_batch} and the context {settings.model.context}; raise the one with --set "
            "budget.tokens_per_step or lower the other with --context"
        )


def _config(
    settings: PretrainSettings, start: Start | None, vocab_size: int, pad_id: int
) -> PublishedConfig:
    """The configuration of a model of the wanted size, or of the model to start from."""
    wanted = settings.model
    if start is not None:
        return start_config(start, wanted.layers, wanted.arch, wanted.context)
    extra = {"norm": wanted.norm} if wanted.arch == "modernbert" else {}
    if wanted.norm != "layer" and not extra:
        raise ConfigError(f"norm {wanted.norm!r} is for modernbert; {wanted.arch} has layer norms")
    return sized_config(
        wanted.arch,
        wanted.size,
        vocab_size=vocab_size,
        context=wanted.context,
        pad_token_id=pad_id,
        **extra,
    )


def _check_no_masks(settings: PretrainSettings) -> None:
    """Settings of the masks are for models that predict masked tokens."""
    mask, default = settings.mask, MaskSettings()
    names = [field.name for field in fields(mask)]
    given = [name for name in names if getattr(mask, name) != getattr(default, name)]
    if given:
        raise ConfigError(
            f"masks are for an architecture that predicts masked tokens, but {settings.model.arch} "
            "predicts the neighbours of each token, and "
            f"{', '.join(f'mask.{name}={getattr(mask, name)}' for name in given)} would do nothing "
            "there; leave it out"
        )


def _objective(
    settings: PretrainSettings, predicts: tuple[int, ...], tokenizer: Tokenizer
) -> MaskedLM | NeighbourLM:
    """What a head that predicts these tokens learns."""
    if predicts != (0,):
        _check_no_masks(settings)
        return NeighbourLM(predicts)
    return _masking(settings, tokenizer.vocab_size, tokenizer.special_ids, tokenizer.mask_id)


def _masking(
    settings: PretrainSettings, vocab_size: int, special: Iterable[int], mask_id: int
) -> MaskedLM:
    mask = settings.mask
    return MaskedLM.over(
        vocab_size,
        special,
        mask_id,
        rate=mask.rate,
        final_rate=mask.final_rate,
        split=Split(masked=mask.masked, random=mask.random),
    )


def assemble(
    settings: PretrainSettings, start: Start | None, prepared: Prepared, device: torch.device
) -> Pieces:
    """A model to train, new or begun from `start`, its objective and its batches."""
    tokenizer = prepared.tokenizer
    begun = _new(settings, tokenizer) if start is None else begin(settings, start, tokenizer)
    objective = _objective(settings, begun.model.head_config.predicts, tokenizer)
    source = PretrainingBatches.over(
        prepared.store.tokens,
        prepared.store.offsets,
        prefix=tokenizer.layout.prefix,
        suffix=tokenizer.layout.suffix,
        context=settings.model.context,
        budget=settings.budget.tokens_per_step // settings.budget.accumulate,
        seed=settings.run.seed,
        window=settings.budget.window,
        on_long=settings.budget.on_long,
    )
    model = begun.model.to(device)
    return Pieces(begun.arch, begun.config, model, objective, source, begun.notes, begun.origin)


def _new(settings: PretrainSettings, tokenizer: Tokenizer) -> Begun:
    """A model of the wanted size with drawn weights."""
    config = _config(settings, None, tokenizer.vocab_size, tokenizer.pad_id)
    arch = arch_of(settings.model.arch)
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    depth = len(model.encoder.config.layers)
    draws = torch.Generator().manual_seed(settings.run.seed)
    initialise(model, settings.model.std, depth, draws)
    return Begun(arch, config, model, ())
