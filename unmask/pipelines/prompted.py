"""Texts with a prompt before them, made to fit a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unmask.batches.sequences import OnLong
from unmask.checkpoint.sentence import SentenceModel
from unmask.errors import ConfigError
from unmask.pipelines.running import Fit, Fitted, unknown_share


@dataclass(frozen=True, slots=True)
class Prompted:
    """How texts that begin with a prompt become rows.

    Attributes:
        fit: makes them fit.
        prompt: what is put before each text; may be empty.
        lead: how many tokens it has.
        skip: how many tokens at the beginning of each row do not count in the pooling.
    """

    fit: Fit
    prompt: str
    lead: int
    skip: int

    @classmethod
    def of(cls, model: SentenceModel, prompt: str, on_long: OnLong) -> Prompted:
        """For the texts of a model.

        Raises:
            ConfigError: the prompt leaves no room for text.
        """
        tokenizer = model.encoder.tokenizer
        fit = Fit(tokenizer.layout, model.limit, on_long, tokenizer.unk_id)
        lead = len(next(tokenizer.ids_stream([prompt]))) if prompt else 0
        if lead >= fit.room:
            raise ConfigError(
                f"a prompt must leave room for text, but it has {lead} tokens, and a text may have "
                f"{fit.room} beside the special ones (max_length={model.limit}); shorten it"
            )
        outside = prompt and not model.head.config.pool.include_prompt
        return cls(fit, prompt, lead, len(fit.layout.prefix) + lead if outside else 0)

    def __call__(self, ids: Sequence[int], number: int = 0) -> Fitted:
        """One text's ids, the prompt's before them, as rows that each begin with the prompt.

        Raises:
            TooLong: it does not fit, under "error".
        """
        fit = self.fit
        if not self.lead:
            return fit(ids, number)
        if fit.on_long != "chunk":
            unknown = unknown_share(ids[self.lead :], fit.unknown)
            return replace(fit(ids, number), unknown=unknown)
        layout = replace(fit.layout, prefix=(*fit.layout.prefix, *ids[: self.lead]))
        return replace(fit, layout=layout)(ids[self.lead :], number)
