"""BERT (Devlin et al. 2018): learned positions, segments, post-norm, a pooler on token one."""

from __future__ import annotations

from typing import Literal

from unmask.arch import own, postnorm
from unmask.arch.postnorm import (
    POOLER,
    PostNormConfig,
    head_dropout,
    pretraining_head,
    span_head,
    token_head,
)
from unmask.arch.published import ACTIVATIONS, Count, Share
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Rename, project_rule
from unmask.nn.config import (
    EncoderConfig,
    LMHeadConfig,
    SequenceHeadConfig,
    TransformConfig,
)


class BertConfig(PostNormConfig):
    """The fields of a published BERT `config.json`, and `classifier_pooling`, which is ours."""

    model_type: Literal["bert"] = "bert"
    type_vocab_size: Count = 2
    pad_token_id: int | None = 0
    classifier_dropout: Share | None = None


def encoder(c: BertConfig) -> EncoderConfig:
    """Twelve equal layers in the base size, each with a norm after every sum."""
    layer = postnorm.bert_layer(c)
    embedding = postnorm.bert_embedding(c, segments=c.type_vocab_size)
    return postnorm.stack(c, layer, embedding)


def lm(c: BertConfig, labels: tuple[str, ...]) -> LMHeadConfig:
    """Dense, activation and norm before the token table."""
    return postnorm.masked_lm(c, c.hidden_act, c.layer_norm_eps)


def sequence(c: BertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The pooler: dense and tanh on the first token."""
    dropout = head_dropout(c)
    return postnorm.sequence_head(c, labels, TransformConfig(activation="tanh"), dropout)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> BertConfig:
    """A BERT of any size."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    return BertConfig.check({**sizes, **postnorm.NO_DROPOUT, "pad_token_id": pad_token_id})


BERT = Arch(
    name="bert",
    configs={"bert": BertConfig},
    stems={"bert": "Bert"},
    encoder=encoder,
    sized=sized,
    prefix="bert.",
    token_ids={"pad_token_id": "pad"},
    also={"BertForPreTraining": "lm"},
    own_heads=own.discriminator(lambda c: TransformConfig(activation=ACTIVATIONS[c.hidden_act])),
    weights=(
        *postnorm.embedding_rules(),
        *postnorm.layer_rules(),
        Aside("cls.seq_relationship.*", "the next-sentence head"),
    ),
    heads={
        "encoder": postnorm.BARE,
        "lm": Head(
            suffix="ForMaskedLM",
            record=lm,
            weights=(
                *postnorm.CLS_LM,
                POOLER,
            ),
        ),
        "pretraining": pretraining_head(
            lm, postnorm.CLS_LM, "@pooler.dense", "cls.seq_relationship"
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "@pooler.dense.*"),
                project_rule("classifier"),
            ),
        ),
        "token": token_head(head_dropout, POOLER),
        "span": span_head(POOLER),
    },
)
