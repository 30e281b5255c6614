"""BERT (Devlin et al. 2018): learned positions, segments, post-norm, a pooler on token one."""

from __future__ import annotations

from typing import Literal

from unmask.arch import postnorm
from unmask.arch.postnorm import first_given, project_rule
from unmask.arch.published import Count, HiddenAct, Positive, Share, TransformerConfig
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Kept, Rename, Tied
from unmask.nn.config import (
    EmbeddingConfig,
    EncoderConfig,
    NormConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


class BertConfig(TransformerConfig):
    """The fields of a published BERT `config.json`, and `classifier_pooling`, which is ours."""

    model_type: Literal["bert"] = "bert"
    hidden_act: HiddenAct = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    type_vocab_size: Count = 2
    layer_norm_eps: Positive = 1e-12
    pad_token_id: int | None = 0
    classifier_dropout: Share | None = None


def encoder(c: BertConfig) -> EncoderConfig:
    """Twelve equal layers in the base size, each with a norm after every sum."""
    layer = postnorm.layer(
        c,
        activation=c.hidden_act,
        eps=c.layer_norm_eps,
        attention_dropout=c.attention_probs_dropout_prob,
        out_dropout=c.hidden_dropout_prob,
        mlp_dropout=c.hidden_dropout_prob,
    )
    embedding = EmbeddingConfig(
        vocab=c.vocab_size,
        positions=c.max_position_embeddings,
        segments=c.type_vocab_size,
        norm=NormConfig(eps=c.layer_norm_eps),
        dropout=c.hidden_dropout_prob,
    )
    return postnorm.stack(c, layer, embedding)


def sequence(c: BertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The pooler: dense and tanh on the first token."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    return postnorm.sequence_head(c, labels, TransformConfig(activation="tanh"), dropout)


def token(c: BertConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """One dense layer."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    return TokenHeadConfig(task="token", labels=labels, dropout=dropout)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> BertConfig:
    """A BERT of any size."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    return BertConfig.check({**sizes, **postnorm.NO_DROPOUT, "pad_token_id": pad_token_id})


POOLER = Aside("@pooler.dense.*", "the pooler")
BERT = Arch(
    name="bert",
    configs={"bert": BertConfig},
    stems={"bert": "Bert"},
    encoder=encoder,
    sized=sized,
    prefix="bert.",
    token_ids={"pad_token_id": "pad"},
    old_endings={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
    also={"BertForPreTraining": "lm"},
    weights=(
        *postnorm.embedding_rules(),
        *postnorm.layer_rules(),
        Aside("cls.seq_relationship.*", "the next-sentence head"),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None, weights=(Kept("@pooler.dense.*"),)),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lambda c, _: postnorm.masked_lm(c, c.hidden_act, c.layer_norm_eps),
            weights=(
                Rename("head.transform.dense.*", "cls.predictions.transform.dense.*"),
                Rename("head.transform.norm.*", "cls.predictions.transform.LayerNorm.*"),
                Rename("head.bias", "cls.predictions.bias"),
                Tied("cls.predictions.decoder.weight", "@embeddings.word_embeddings.weight"),
                Tied("cls.predictions.decoder.bias", "cls.predictions.bias"),
                POOLER,
            ),
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "@pooler.dense.*"),
                project_rule("classifier"),
            ),
        ),
        "token": Head(
            suffix="ForTokenClassification",
            record=token,
            weights=(project_rule("classifier"), POOLER),
        ),
        "span": Head(
            suffix="ForQuestionAnswering",
            record=lambda c, _: TokenHeadConfig(task="span"),
            weights=(project_rule("qa_outputs"), POOLER),
        ),
    },
)
