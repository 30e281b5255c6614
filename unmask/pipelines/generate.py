"""`Generator`: how a text goes on, by the decoder-only baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import torch

from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError, TextError
from unmask.heads.generate import check_causal, generate
from unmask.heads.model import LanguageModel
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline

PROMPTS = 32  # continued together


class Continuation(TypedDict):
    """How one text goes on.

    Keys:
        text: what was written behind the prompt.
        tokens: how many tokens that is, an end-of-text token included.
        ended: whether the model ended the text, rather than the limit.
    """

    text: str
    tokens: int
    ended: bool


@dataclass(frozen=True, eq=False)
class Generator(Pipeline[LanguageModel]):
    """The most probable continuation of texts, by a causal language model."""

    opener = staticmethod(open_language_model)

    def __post_init__(self) -> None:
        check_causal(self.opened.model)

    @property
    def ends(self) -> frozenset[int]:
        """Ids that end a text, as the model's configuration names them."""
        named = self.opened.config.eos_token_id
        return frozenset(named if isinstance(named, list) else () if named is None else (named,))

    @cached_property
    def _choices(self) -> torch.Tensor | None:
        """`(G,)` ids that have a token; None where every row of the table has one.

        Tables are often padded to round sizes, and a row without a token means nothing in a text.
        """
        rows = self.opened.model.encoder.config.embedding.vocab
        named = self.tokenizer.named_ids
        if len(named) == rows:
            return None
        return torch.tensor(named, device=self.opened.model.encoder.embedding.tokens.weight.device)

    def __call__(self, texts: Sequence[str], max_new_tokens: int = 32) -> list[Continuation]:
        """Greedy continuations, texts in their order.

        The tokens that the tokenizer puts before a text are put there, and none behind it.

        Args:
            texts: the prompts.
            max_new_tokens: tokens written for each, at most.

        Raises:
            ConfigError: `max_new_tokens` is below 1.
            TooLong: a prompt and its continuation would exceed the context.
            TextError: a prompt gives no tokens.
            TokenizerError: a text is no str.
        """
        check_several("Generator", texts)
        if max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens must be at least 1, not {max_new_tokens}")
        before = self.tokenizer.layout.prefix
        prompts = [[*before, *ids] for ids in self.tokenizer.ids_stream(texts)]
        if empty := [number for number, prompt in enumerate(prompts) if not prompt]:
            raise TextError(
                f"a prompt must give at least one token, but text {empty[0]} (counted from 0) "
                "gives none; leave it out"
            )
        found: list[Continuation] = []
        for start in range(0, len(prompts), PROMPTS):
            some = prompts[start : start + PROMPTS]
            written = generate(
                self.opened.model, some, max_new_tokens, self.ends, choices=self._choices
            )
            found += map(self._told, written)
        return found

    def _told(self, ids: list[int]) -> Continuation:
        ended = ids[-1] in self.ends
        text = self.tokenizer.decode(ids[:-1] if ended else ids)
        return Continuation(text=text, tokens=len(ids), ended=ended)
