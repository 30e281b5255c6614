"""`FillMask`: what a masked word may have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import torch

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError, TextError
from unmask.heads.lm import check_masked
from unmask.heads.model import LanguageModel
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.running import Fit, Fitted, run
from unmask.tokens.encoded import Encoded

ROWS = 256  # masks scored at a time: scores over a vocabulary of 50,000 are 200 KB each


class Guess(TypedDict):
    """One guess for one mask.

    Keys:
        token: the token, as it reads.
        score: its probability, from 0 to 1.
        text: the text with this mask filled in; other masks stay.
    """

    token: str
    score: float
    text: str


Guesses = list[Any]
"""For a text with one mask its guesses, `list[Guess]`; with several, one such list for each."""


@dataclass(frozen=True, eq=False)
class FillMask(Pipeline[LanguageModel]):
    """Guesses for masked words, by a language model."""

    opener = staticmethod(open_language_model)

    def __post_init__(self) -> None:
        check_masked(self.opened.model.head_config)

    @property
    def mask_token(self) -> str:
        """How the mask is written in text."""
        return self.tokenizer.id_to_token(self.tokenizer.mask_id)

    def __call__(
        self, texts: str | Sequence[str], top_k: int = 5, *, on_long: OnLong = "error"
    ) -> Guesses:
        """Guesses for every mask, best first: for one text, or a list of them for several.

        Special tokens are never guessed, but count in the probabilities.

        Args:
            texts: a text with at least one mask, or several texts.
            top_k: guesses for each mask.
            on_long: "error" refuses a text longer than the context; "chunk" splits it, so that
                each mask is seen with a part of its text; "truncate" keeps its beginning.

        Returns:
            For a text with one mask a list of guesses. For a text with several masks a list of
            such lists. For a list of texts a list of these. `by_mask` has one shape for all.

        Raises:
            TextError: a text without a mask, or whose mask was cut off.
            TooLong: a text is longer than the context, under "error".
            ConfigError: `top_k` is out of range.
        """
        several = [texts] if isinstance(texts, str) else texts
        check_several("FillMask", several)
        answers: Guesses = [
            masks[0] if len(masks) == 1 else masks
            for masks in self.by_mask(several, top_k, on_long=on_long)
        ]
        return answers[0] if isinstance(texts, str) else answers

    def by_mask(
        self, texts: Sequence[str], top_k: int = 5, *, on_long: OnLong = "error"
    ) -> list[list[list[Guess]]]:
        """Guesses as `answers[text][mask][guess]`; the rest as when the object is called."""
        if not 1 <= top_k <= len(self._guessable):
            raise ConfigError(
                f"top_k must lie between 1 and {len(self._guessable)}, the number of tokens that "
                f"can be guessed, not be {top_k}"
            )
        fit = Fit(
            self.tokenizer.layout,
            self.opened.model.encoder.config.context,
            on_long,
            self.tokenizer.unk_id,
        )
        encoded = self.tokenizer.encode_batch(texts, allow_mask=True)
        fitted = [fit(one.ids, number) for number, one in enumerate(encoded)]
        pairs = zip(texts, encoded, fitted, strict=True)
        for number, (text, one, fits) in enumerate(pairs):
            self._check(number, text, one, fits)
        rows = [row for one in fitted for row in one.rows]
        found = iter(run(rows, lambda batch: self._best(batch, top_k), self._device))
        answers = []
        for text, one, fits in zip(texts, encoded, fitted, strict=True):
            best = [mask for _ in fits.rows for mask in next(found)]
            answers.append(self._in_text(text, one, best))
        return answers

    @property
    def _device(self) -> torch.device:
        return self.opened.model.encoder.embedding.tokens.weight.device

    @cached_property
    def _guessable(self) -> torch.Tensor:
        """`(G,)` ids that may be guessed: those of tokens, but for special ones."""
        tokenizer = self.tokenizer
        kept = [index for index in tokenizer.named_ids if index not in tokenizer.special_ids]
        return torch.tensor(kept, device=self._device)

    def _check(self, number: int, text: str, encoded: Encoded, fitted: Fitted) -> None:
        mask = self.tokenizer.mask_id
        masks = encoded.ids.count(mask)
        if not masks:
            raise TextError(
                f"a text to fill must hold the mask, which this model writes {self.mask_token}, "
                f"but text {number} (counted from 0) has none: {text[:80]!r}. Put "
                f"{self.mask_token} where the word is missing"
            )
        if sum(row.count(mask) for row in fitted.rows) < masks:
            raise TextError(
                f"text {number} (counted from 0) was cut to {len(fitted.rows[0])} tokens, and "
                f"{self.mask_token} stands behind that; choose on_long='chunk', or shorten it"
            )

    def _best(self, batch: Batch, top_k: int) -> list[list[tuple[list[int], list[float]]]]:
        """For each row of a batch, for each of its masks: ids and probabilities, best first."""
        model, mask = self.opened.model, batch.ids == self.tokenizer.mask_id
        places = torch.nonzero(mask).squeeze(1)
        hidden = model.encoder(batch).index_select(0, places)
        best: list[tuple[list[int], list[float]]] = []
        for some in hidden.split(ROWS):
            scores = model.head(some, model.encoder.embedding.tokens.weight).float().softmax(1)
            top = scores[:, self._guessable].topk(top_k, dim=1)
            ids = self._guessable[top.indices]
            best += zip(ids.tolist(), top.values.tolist(), strict=True)
        each = iter(best)
        counts = [int(row.sum()) for row in torch.split(mask, list(batch.lengths))]
        return [[next(each) for _ in range(count)] for count in counts]

    def _in_text(
        self, text: str, encoded: Encoded, best: list[tuple[list[int], list[float]]]
    ) -> list[list[Guess]]:
        """Guesses as words, each put into the text."""
        mask = self.tokenizer.mask_id
        places = [place for place, index in enumerate(encoded.ids) if index == mask]
        lists: list[list[Guess]] = []
        for place, (ids, scores) in zip(places, best, strict=True):
            before = encoded.ids[place - 1] if place else mask
            span = encoded.offsets[place]
            lists.append(
                [
                    Guess(
                        token=self._reads(index),
                        score=score,
                        text=_put(text, span, self._after(before, index)),
                    )
                    for index, score in zip(ids, scores, strict=True)
                ]
            )
        return lists

    def _reads(self, index: int) -> str:
        """A token by itself, as it reads; as the vocabulary spells it where nothing is to read."""
        return self.tokenizer.decode([index]).strip() or self.tokenizer.id_to_token(index)

    def _after(self, before: int, index: int) -> str:
        """How a token reads after another: with the space between them, if there is one."""
        if before in self.tokenizer.special_ids:
            return " " + self._reads(index)
        alone = self.tokenizer.decode([before])
        both = self.tokenizer.decode([before, index])
        return both[len(alone) :] if both.startswith(alone) else " " + self._reads(index)


def _put(text: str, span: tuple[int, int], words: str) -> str:
    """A text with the characters of `span` replaced; a piece of a word joins the one before."""
    start, end = span
    before = text[:start]
    if not words[:1].isspace():
        before = before.rstrip()
    return before + words.strip() + text[end:]
