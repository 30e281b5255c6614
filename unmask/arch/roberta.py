"""RoBERTa (Liu et al. 2019), and XLM-RoBERTa and CamemBERT, which differ in their vocabulary: BERT
with positions that start behind the padding id, and a head of two layers on the first token."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from unmask.arch import postnorm
from unmask.arch.postnorm import POOLER, PostNormConfig, head_dropout, span_head, token_head
from unmask.arch.published import Count, Share
from unmask.arch.spec import Arch, Head
from unmask.nn.config import (
    EncoderConfig,
    SequenceHeadConfig,
    TransformConfig,
)


class RobertaConfig(PostNormConfig):
    """The fields of a published RoBERTa `config.json`, and `classifier_pooling`, which is ours."""

    model_type: Literal["roberta", "xlm-roberta", "camembert"] = "roberta"
    type_vocab_size: Count = 2
    pad_token_id: int = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    classifier_dropout: Share | None = None

    @model_validator(mode="after")
    def _check_positions(self) -> Self:
        if not 0 <= self.pad_token_id < self.max_position_embeddings - 1:
            raise ValueError(
                f"positions start at pad_token_id + 1, which must be a row of the table, but "
                f"pad_token_id={self.pad_token_id} and "
                f"max_position_embeddings={self.max_position_embeddings}"
            )
        return self


def encoder(c: RobertaConfig) -> EncoderConfig:
    """BERT's layers; the table's first rows, up to the padding id, are never read."""
    layer = postnorm.bert_layer(c)
    first = c.pad_token_id + 1
    embedding = postnorm.bert_embedding(c, segments=c.type_vocab_size, first_position=first)
    return postnorm.stack(c, layer, embedding, unused=first)


def sequence(c: RobertaConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Two layers on the first token, dropout before each."""
    dropout = head_dropout(c)
    transform = TransformConfig(activation="tanh", dropout=dropout)
    return postnorm.sequence_head(c, labels, transform, dropout)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> RobertaConfig:
    """A RoBERTa of any size; its position table has rows for the positions that are not used."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context + pad_token_id + 1)
    own = {"type_vocab_size": 1, "pad_token_id": pad_token_id}
    open_ids = dict.fromkeys(("bos_token_id", "eos_token_id"))
    return RobertaConfig.check({**sizes, **postnorm.NO_DROPOUT, **own, **open_ids})


ROBERTA = Arch(
    name="roberta",
    configs=dict.fromkeys(("roberta", "xlm-roberta", "camembert"), RobertaConfig),
    stems={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
    encoder=encoder,
    sized=sized,
    prefix="roberta.",
    token_ids={"pad_token_id": "pad", "bos_token_id": "cls", "eos_token_id": "sep"},
    weights=(*postnorm.embedding_rules(), *postnorm.layer_rules()),
    heads={
        "encoder": postnorm.BARE,
        "lm": postnorm.ROBERTA_LM,
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                *postnorm.TWO_LAYERS,
                POOLER,
            ),
        ),
        "token": token_head(head_dropout, POOLER),
        "span": span_head(POOLER),
    },
)
