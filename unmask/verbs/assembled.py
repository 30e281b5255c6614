"""A new model of the wanted size, what it learns, and from what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from unmask.arch.registry import arch_of, sized_config
from unmask.arch.spec import PublishedConfig
from unmask.batches.loader import PretrainingBatches
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.objectives.corrupt import Split
from unmask.objectives.mlm import MaskedLM
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import Optimizer
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.trial import Trial


@dataclass(frozen=True, slots=True)
class Pieces:
    """A model and what it learns from."""

    config: PublishedConfig
    model: LanguageModel
    objective: MaskedLM
    source: PretrainingBatches

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


def assemble(settings: PretrainSettings, prepared: Prepared, device: torch.device) -> Pieces:
    """A new model of the wanted size, its objective and its batches."""
    tokenizer, wanted = prepared.tokenizer, settings.model
    extra = {"norm": wanted.norm} if wanted.arch == "modernbert" else {}
    if wanted.norm != "layer" and not extra:
        raise ConfigError(f"norm {wanted.norm!r} is for modernbert; {wanted.arch} has layer norms")
    config = sized_config(
        wanted.arch,
        wanted.size,
        vocab_size=tokenizer.vocab_size,
        context=wanted.context,
        pad_token_id=tokenizer.pad_id,
        **extra,
    )
    arch = arch_of(wanted.arch)
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    depth = len(model.encoder.config.layers)
    initialise(model, wanted.std, depth, torch.Generator().manual_seed(settings.run.seed))
    mask = settings.mask
    objective = MaskedLM.over(
        tokenizer.vocab_size,
        tokenizer.special_ids,
        tokenizer.mask_id,
        rate=mask.rate,
        final_rate=mask.final_rate,
        split=Split(masked=mask.masked, random=mask.random),
    )
    source = PretrainingBatches.over(
        prepared.store.tokens,
        prepared.store.offsets,
        prefix=tokenizer.layout.prefix,
        suffix=tokenizer.layout.suffix,
        context=wanted.context,
        budget=settings.budget.tokens_per_step // settings.budget.accumulate,
        seed=settings.run.seed,
        window=settings.budget.window,
        on_long=settings.budget.on_long,
    )
    return Pieces(config, model.to(device), objective, source)
