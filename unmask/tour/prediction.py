"""The trained model beside guesses that need no network, on the same hidden tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.loader import PretrainingBatches
from unmask.evaluation.masked import RATE, MaskedEvaluation
from unmask.evaluation.neighbours import Neighbours
from unmask.heads.model import LanguageModel
from unmask.report.facts import Baseline, EvaluationFacts
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain_settings import PretrainSettings

COUNTED = 20_000_000  # tokens of training text that neighbours are counted in, at most


def evaluation_facts(
    model: LanguageModel, prepared: Prepared, settings: PretrainSettings
) -> EvaluationFacts:
    """Loss and accuracy of the model and of every baseline."""
    tokenizer = prepared.tokenizer
    held_out = MaskedEvaluation.over(
        tokenizer,
        (document.text for document in prepared.corpus.documents("held_out")),
        context=settings.model.context,
    )
    model.eval()
    own = held_out(model)
    neighbours = Neighbours(
        tokenizer.vocab_size, _sequences(prepared, settings), tokenizer.special_ids
    )
    scores = neighbours.scores(held_out.tasks, tokenizer.mask_id)
    return EvaluationFacts(
        loss=own["loss"],
        top1=own["top1"],
        top5=own["top5"],
        baselines=tuple(Baseline(s.name, s.top1, s.top5, s.loss) for s in scores),
        targets=held_out.targets,
        method=(
            f"{RATE:.0%} of the ordinary tokens of held-out documents are hidden behind the mask "
            "token. The model and the baselines see the same text with the same tokens hidden; "
            "the baselines are counted in the training text, and do without a neighbour that is "
            "hidden itself. The last one falls back on the product of both neighbours where the "
            "two were rarely seen around a token."
        ),
    )


def _sequences(prepared: Prepared, settings: PretrainSettings) -> Iterator[npt.NDArray[np.int64]]:
    """Training sequences as the model reads them, special tokens included."""
    source = PretrainingBatches.over(
        prepared.store.tokens,
        prepared.store.offsets,
        prefix=prepared.tokenizer.layout.prefix,
        suffix=prepared.tokenizer.layout.suffix,
        context=settings.model.context,
        budget=max(8192, settings.model.context),
        seed=settings.run.seed,
    )
    read = 0
    for batch in source.epoch(0):
        if read > COUNTED:
            return
        read += batch.tokens
        for row in torch.split(batch.ids, list(batch.lengths)):
            yield row.numpy()
