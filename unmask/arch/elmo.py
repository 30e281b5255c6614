"""ELMo's language model (Peters et al. 2018) over the tokens of the others.

Stacked LSTMs, one reading forwards and one backwards, neither seeing the other: the baseline from
before transformers.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from unmask.arch.published import Count, PublishedConfig, Share
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Rename, Rule, project_rule
from unmask.nn.config import (
    EmbeddingConfig,
    EncoderConfig,
    LMHeadConfig,
    Pooling,
    RecurrentConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
)


class ElmoConfig(PublishedConfig):
    """The fields of the model; there is no published form over tokens.

    `hidden_size` is of both directions together, `cell_size` the cells of each LSTM.
    """

    model_type: Literal["elmo"] = "elmo"
    cell_size: Count
    dropout: Share = 0.0
    classifier_dropout: Share = 0.1
    classifier_pooling: Pooling = "mean"

    @model_validator(mode="after")
    def _check_halves(self) -> Self:
        if self.hidden_size % 2 or self.cell_size < self.hidden_size // 2:
            raise ValueError(
                "each direction has half of hidden_size, which must be even and at most twice "
                f"cell_size, but hidden_size={self.hidden_size} and cell_size={self.cell_size}"
            )
        return self


def encoder(c: ElmoConfig) -> EncoderConfig:
    """Each token's vector once for each direction, then the layers, added up from the second on."""
    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=EmbeddingConfig(
            vocab=c.vocab_size, width=c.hidden_size // 2, norm=None, widen="repeat"
        ),
        layers=tuple(
            RecurrentConfig(cells=c.cell_size, residual=number > 0, dropout=c.dropout)
            for number in range(c.num_hidden_layers)
        ),
        weights_of=tuple(range(c.num_hidden_layers)),
    )


def lm(c: ElmoConfig, labels: tuple[str, ...]) -> LMHeadConfig:
    """One table for both directions: the forward half scores the next token, the backward half the
    one before."""
    c.require_tied()
    return LMHeadConfig(transform=None, predicts=(1, -1))


def sequence(c: ElmoConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The mean over the tokens: neither end has seen everything in both directions."""
    return SequenceHeadConfig(
        labels=labels,
        pooling=c.classifier_pooling,
        transform=None,
        dropout=c.classifier_dropout,
    )


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> ElmoConfig:
    """An ELMo whose hidden states have that width.

    With as many cells a layer has 13 x width squared weights, where a transformer's has 12.
    """
    return ElmoConfig.check(
        {
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "cell_size": width,
            "max_position_embeddings": context,
            "pad_token_id": pad_token_id,
        }
    )


def weights(c: ElmoConfig) -> tuple[Rule, ...]:
    """Stored under the names that PyTorch gives to LSTMs."""
    parts = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return (
        Rename("encoder.embedding.tokens.weight", "@embedding.tokens.weight"),
        *(
            Rename(f"encoder.layers.{{}}.{way}.{part}", f"@layers.{{}}.{way}.{part}")
            for way in ("onward", "back")
            for part in (*(f"lstm.{part}" for part in parts), "project.weight")
        ),
    )


ELMO = Arch(
    name="elmo",
    configs={"elmo": ElmoConfig},
    stems={},
    encoder=encoder,
    sized=sized,
    prefix="encoder.",
    token_ids={"pad_token_id": "pad"},
    weights=weights,
    heads={
        "encoder": Head(suffix="", record=None),
        "lm": Head(suffix="", record=lm, weights=(Rename("head.bias", "bias"),)),
        "sequence": Head(suffix="", record=sequence, weights=(project_rule("sequence"),)),
        "token": Head(
            suffix="",
            record=lambda c, labels: TokenHeadConfig(
                task="token", labels=labels, dropout=c.classifier_dropout
            ),
            weights=(project_rule("token"),),
        ),
        "span": Head(
            suffix="",
            record=lambda c, _: TokenHeadConfig(task="span"),
            weights=(project_rule("span"),),
        ),
    },
)
