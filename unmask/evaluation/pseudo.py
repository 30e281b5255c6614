"""How likely a model finds a text: the log-probability of each of its tokens given the others.

- A masked model gives a pseudo-log-likelihood (Wang and Cho 2019; Salazar et al. 2020): each token
  is hidden in turn and predicted from all others. Within a word of several pieces the pieces to
  the right give a hidden one away; "within-word" hides those too (Kauf and Ivanova 2023).
- A causal model gives the log-likelihood: each token from those before it.
- A recurrent model of both directions (Peters et al. 2018) gives the sum of both, each token once
  from those before it and once from those behind it. Its perplexity is over both predictions.

Special tokens around a text are seen and not scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from unmask.batches.pack import pack
from unmask.errors import ConfigError, TooLong
from unmask.heads.model import LanguageModel
from unmask.tokens.encoded import Encoded
from unmask.tokens.tokenizer import Tokenizer

How = Literal["plain", "within-word"]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
BUDGET = 4096  # tokens of a batch
WINDOW = 512  # texts whose copies are sorted by length together


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Scores of N texts.

    Attributes:
        totals: `(N,)` sums of log-probabilities, in nats; at most 0.
        tokens: `(N,)` how many they have, special tokens not counted.
        predictions: `(N,)` how many log-probabilities were summed: one of each token, or two where
            a model predicts it from both sides.
    """

    totals: F64
    tokens: I64
    predictions: I64

    @property
    def perplexity(self) -> float:
        """Of all texts together: exp of the mean negative log-probability of a prediction.

        A model that knows nothing has the size of its vocabulary. Of a masked model it is the
        pseudo-perplexity, which is not to be compared with the perplexity of a causal one; of a
        model of both directions it is that of both, their geometric mean.
        """
        return float(np.exp(-self.totals.sum() / max(int(self.predictions.sum()), 1)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One sequence that a model reads, and what it is asked there.

    Attributes:
        text: number of the text.
        ids: as the model sees them.
        rows: places in the sequence where it predicts.
        labels: `(rows, P)` the token that each score is for; -1 for none.
    """

    text: int
    ids: Sequence[int]
    rows: Sequence[int]
    labels: Sequence[Sequence[int]]

    @property
    def predictions(self) -> int:
        """How many tokens it is asked for."""
        return sum(label >= 0 for told in self.labels for label in told)


def likelihoods(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Iterable[str],
    *,
    how: How = "plain",
    budget: int = BUDGET,
) -> Likelihoods:
    """Score texts, which are streamed.

    Args:
        model: in evaluation mode.
        how: of a masked model; others have only "plain".
        budget: most tokens of a batch, unless a text alone is longer.

    Raises:
        ConfigError: a model without masks is asked for "within-word".
        TooLong: a text is longer than the model's context: cut, it would be another text.
    """
    predicts = model.head_config.predicts
    if how != "plain" and predicts != (0,):
        raise ConfigError(
            f"scores of {how} are for a masked model, which hides tokens; this one predicts the "
            "neighbours of tokens: leave --score out"
        )
    totals: list[float] = []
    counts: list[int] = []
    predictions: list[int] = []
    for window in _windows(texts):
        encoded = tokenizer.encode_batch(window, specials=True)
        _check_lengths(encoded, model.encoder.config.context, window)
        asked = [
            one
            for number, text in enumerate(encoded)
            for one in (
                _hidden(number, text, tokenizer.mask_id, how)
                if predicts == (0,)
                else _beside(number, text, predicts)
            )
        ]
        sums, made = np.zeros(len(window)), np.zeros(len(window), np.int64)
        for one in asked:
            made[one.text] += one.predictions
        for batch in _batches(asked, budget):
            for one, value in zip(batch, _scores(model, batch), strict=True):
                sums[one.text] += value
        totals += sums.tolist()
        counts += [len(_own(text)) for text in encoded]
        predictions += made.tolist()
    return Likelihoods(
        np.array(totals, np.float64), np.array(counts, np.int64), np.array(predictions, np.int64)
    )


def _windows(texts: Iterable[str]) -> Iterator[list[str]]:
    some: list[str] = []
    for text in texts:
        some.append(text)
        if len(some) == WINDOW:
            yield some
            some = []
    if some:
        yield some


def _check_lengths(encoded: Sequence[Encoded], context: int, texts: Sequence[str]) -> None:
    for one, text in zip(encoded, texts, strict=True):
        if len(one) > context:
            raise TooLong(
                f"a text that is scored must fit the context of {context} tokens, but one has "
                f"{len(one)}: {text[:60]!r}; score shorter texts, such as sentences"
            )


def _own(text: Encoded) -> list[int]:
    """Places of a text's own tokens, those that the tokenizer put around it left out."""
    return [place for place, word in enumerate(text.words) if word is not None]


def _hidden(number: int, text: Encoded, mask_id: int, how: How) -> Iterator[_Asked]:
    """A copy of the text for each token, with that one hidden."""
    own = _own(text)
    for place in own:
        ids = list(text.ids)
        ids[place] = mask_id
        if how == "within-word":
            for later in own:
                if later > place and text.words[later] == text.words[place] is not None:
                    ids[later] = mask_id
        yield _Asked(number, ids, [place], [[text.ids[place]]])


def _beside(number: int, text: Encoded, predicts: tuple[int, ...]) -> Iterator[_Asked]:
    """The text as it is; each of its own tokens is predicted at the rows beside it."""
    own = set(_own(text))
    rows, labels = [], []
    for row in range(len(text)):
        told = [text.ids[row + step] if row + step in own else -1 for step in predicts]
        if any(label >= 0 for label in told):
            rows.append(row)
            labels.append(told)
    if rows:
        yield _Asked(number, text.ids, rows, labels)


def _batches(asked: Sequence[_Asked], budget: int) -> Iterator[list[_Asked]]:
    """Sequences by length, in batches of at most so many tokens."""
    batch: list[_Asked] = []
    filled = 0
    for one in sorted(asked, key=lambda one: len(one.ids)):
        if batch and filled + len(one.ids) > budget:
            yield batch
            batch, filled = [], 0
        batch.append(one)
        filled += len(one.ids)
    if batch:
        yield batch


def _scores(model: LanguageModel, asked: Sequence[_Asked]) -> F64:
    """`(N,)` the sum of the log-probabilities that each sequence is asked for."""
    batch = pack([one.ids for one in asked])
    counts = [len(one.rows) for one in asked]
    rows = np.concatenate([np.asarray(one.rows) for one in asked])
    rows += np.repeat(batch.boundaries.numpy()[:-1], counts)
    labels_MP = torch.tensor([told for one in asked for told in one.labels])
    device = model.encoder.embedding.tokens.weight.device
    with torch.inference_mode():
        logits = model(batch.to(device), torch.from_numpy(rows).to(device)).float()
        if logits.dim() == 2:
            logits = logits[:, None]
        there = labels_MP.to(device)
        right = logits.gather(2, there.clamp(min=0)[..., None])[..., 0]
        found = ((right - logits.logsumexp(2)) * (there >= 0)).sum(1).double().cpu().numpy()
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    sums: F64 = np.add.reduceat(found, starts)
    return sums
