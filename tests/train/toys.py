"""A small language, a small model, and batches of both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from unmask.arch.registry import arch_of, sized_config
from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.objectives.masking import Rates
from unmask.objectives.mlm import MaskedLM
from unmask.train.loop import LoopConfig, Outcome, train
from unmask.train.optim import OptimConfig
from unmask.train.schedule import Schedule

VOCAB, SPECIAL, MASK, CLS, SEP = 21, range(5), 4, 2, 3
CPU = torch.device("cpu")


def small_model(seed: int = 0) -> LanguageModel:
    """One layer of width 64."""
    config = sized_config("modernbert", "1x64", vocab_size=VOCAB, context=32, pad_token_id=0)
    arch = arch_of("modernbert")
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, 0.05, 1, torch.Generator().manual_seed(seed))
    return model


def objective(rate: float = 0.15) -> MaskedLM:
    return MaskedLM.over(VOCAB, SPECIAL, MASK, rates=Rates(rate=rate))


class Listed:
    """Batches from a list of rows, `size` rows each, the same in every epoch."""

    def __init__(self, rows: list[list[int]], size: int) -> None:
        self.rows, self.size = rows, size

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        starts = range(0, len(self.rows), self.size)
        for begin in islice(starts, first, None):
            some = range(begin, min(begin + self.size, len(self.rows)))
            yield pack([self.rows[i] for i in some], samples=list(some))


def rows_of(count: int, seed: int = 0) -> list[list[int]]:
    """Random rows of 4 to 12 ordinary tokens between [CLS] and [SEP]."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(4, 13, (count,), generator=generator).tolist()
    return [
        [CLS, *torch.randint(5, VOCAB, (n,), generator=generator).tolist(), SEP] for n in lengths
    ]


def run(
    model: LanguageModel,
    source: Any,
    folder: Path,
    steps: int,
    *,
    mlm: Any = None,
    optim: OptimConfig | None = None,
    evaluate: Any = None,
    shares: Any = None,
    **loop: Any,
) -> Outcome:
    """Train in float32."""
    return train(
        model,
        mlm or objective(),
        source,
        LoopConfig(steps=steps, **loop),
        optim=optim or OptimConfig(),
        schedule=Schedule(),
        run_dir=folder,
        device=CPU,
        dtype=torch.float32,
        evaluate=evaluate,
        shares=shares,
    )
