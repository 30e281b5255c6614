"""Held-out figures of a model that tells pairs of texts: masked tokens, and pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.batch import Batch
from unmask.batches.pairs import PairBatches, PairKind
from unmask.batches.units import units_of
from unmask.errors import TextError
from unmask.evaluation.held_out import SEED
from unmask.evaluation.masked import BUDGET, MaskedEvaluation
from unmask.heads.model import PretrainingModel
from unmask.text.sentences import Cut
from unmask.tokens.tokenizer import Tokenizer

I64 = npt.NDArray[np.int64]
NEGATIVES = 0.5


@dataclass(frozen=True)
class PairEvaluation:
    """The fixed protocol of masked prediction on single texts, and pairs with nothing hidden.

    The pairs are the same for every model and every time: half of them are changed ones, whatever
    share a model was trained with.

    Attributes:
        masked: tasks of tokens.
        pairs: batches of pairs.
    """

    masked: MaskedEvaluation
    pairs: tuple[Batch, ...]

    @classmethod
    def over(
        cls,
        tokenizer: Tokenizer,
        texts: Callable[[], Iterable[str]],
        *,
        kind: PairKind,
        cut: Cut,
        context: int,
        most_tokens: int = 200_000,
    ) -> PairEvaluation:
        """Tasks over held-out texts.

        Args:
            texts: gives the held-out documents; is called twice.
            kind: of the pairs.
            cut: where sentences begin.
            most_tokens: read about so many tokens, for each of the two.

        Raises:
            TextError: no pair can be made, or there is nothing to predict.
        """
        masked = MaskedEvaluation.over(tokenizer, texts(), context=context, most_tokens=most_tokens)
        ids, offsets, units = _first(texts(), tokenizer, cut, most_tokens)
        budget = max(BUDGET, context)
        try:
            source = PairBatches.over(
                ids,
                offsets,
                units,
                layout=tokenizer.layout.pair,
                kind=kind,
                context=context,
                budget=budget,
                seed=SEED,
                negatives=NEGATIVES,
            )
        except TextError as error:
            raise TextError(
                f"no pairs can be made of the text that the model is measured on: {error}; or give "
                "more of it (of pretrain, --set text.held_out=0.2)"
            ) from None
        return cls(masked, tuple(islice(source.epoch(0), -(-most_tokens // budget))))

    def __call__(self, model: PretrainingModel) -> dict[str, float]:
        """The figures of masked prediction, and of pairs:

        `pairs_accuracy` is the share that is told right, `pairs_base` that of the commoner answer.
        The model must be in evaluation mode.
        """
        device = model.encoder.embedding.tokens.weight.device
        figures = self.masked.figures(lambda batch, rows: model(batch, rows)[0], device)
        right = changed = count = 0
        with torch.inference_mode():
            for batch in self.pairs:
                there = batch.to(device)
                assert there.labels is not None
                guesses = model.pairs(model.encoder(there), there).argmax(1)
                right += int((guesses == there.labels).sum())
                changed += int(there.labels.sum())
                count += len(batch)
        base = max(changed, count - changed) / count
        return {**figures, "pairs_accuracy": right / count, "pairs_base": base}


def _first(
    texts: Iterable[str], tokenizer: Tokenizer, cut: Cut, most: int
) -> tuple[npt.NDArray[np.uint32], I64, I64]:
    """Tokens, bounds and sentences of the first documents, up to `most` tokens.

    As many as two of several sentences are read in any case: fewer make no pair.
    """
    rows, ends, units = [np.zeros(0, dtype=np.uint32)], [0], [np.zeros(0, dtype=np.int64)]
    several = 0
    for text in texts:
        ((count, begins),) = units_of([text], tokenizer, cut)
        if several >= 2 and ends[-1] + count > most:
            break
        rows += (np.array(ids, dtype=np.uint32) for ids in tokenizer.ids_stream([text]))
        units.append(begins + ends[-1])
        ends.append(ends[-1] + count)
        several += len(begins) > 1
    return np.concatenate(rows), np.array(ends, dtype=np.int64), np.concatenate(units)
