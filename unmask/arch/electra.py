"""ELECTRA (Clark et al. 2020): BERT with an embedding that may be narrower than the encoder, as
generator (a masked language model) or as discriminator (which tells replaced tokens)."""

from __future__ import annotations

from typing import ClassVar, Literal

from unmask.arch import postnorm
from unmask.arch.postnorm import first_given, project_rule
from unmask.arch.published import ACTIVATIONS, Count, HiddenAct, Positive, Share, TransformerConfig
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Rename, Tied
from unmask.nn.config import (
    EmbeddingConfig,
    EncoderConfig,
    NormConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


class ElectraConfig(TransformerConfig):
    """The fields of a published ELECTRA `config.json`, and `classifier_pooling`, which is ours."""

    # Of the multiple-choice head, which is not served.
    READ_OVER: ClassVar[frozenset[str]] = frozenset(
        {"summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout"}
    )

    model_type: Literal["electra"] = "electra"
    embedding_size: Count = 128
    hidden_act: HiddenAct = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    type_vocab_size: Count = 2
    layer_norm_eps: Positive = 1e-12
    pad_token_id: int | None = 0
    classifier_dropout: Share | None = None


def encoder(c: ElectraConfig) -> EncoderConfig:
    """BERT's layers behind an embedding of its own width."""
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
        width=c.embedding_size,
        positions=c.max_position_embeddings,
        segments=c.type_vocab_size,
        norm=NormConfig(eps=c.layer_norm_eps),
        dropout=c.hidden_dropout_prob,
        widen=None if c.embedding_size == c.hidden_size else "project",
    )
    return postnorm.stack(c, layer, embedding)


def sequence(c: ElectraConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Two layers with GELU on the first token, dropout before each."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    transform = TransformConfig(activation="gelu", dropout=dropout)
    return postnorm.sequence_head(c, labels, transform, dropout)


def token(c: ElectraConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """One dense layer."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    return TokenHeadConfig(task="token", labels=labels, dropout=dropout)


def discriminator(c: ElectraConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """Dense, activation, one score: above zero for a replaced token."""
    transform = TransformConfig(activation=ACTIVATIONS[c.hidden_act])
    return TokenHeadConfig(task="discriminator", transform=transform)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> ElectraConfig:
    """An ELECTRA of any size, its embedding as wide as its encoder."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    own = {"embedding_size": width, "pad_token_id": pad_token_id}
    return ElectraConfig.check({**sizes, **postnorm.NO_DROPOUT, **own})


ELECTRA = Arch(
    name="electra",
    configs={"electra": ElectraConfig},
    stems={"electra": "Electra"},
    encoder=encoder,
    sized=sized,
    prefix="electra.",
    token_ids={"pad_token_id": "pad"},
    weights=(
        *postnorm.embedding_rules(),
        Rename("encoder.embedding.widen.*", "@embeddings_project.*"),
        *postnorm.layer_rules(),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lambda c, _: postnorm.masked_lm(
                c, "gelu", c.layer_norm_eps, width=c.embedding_size
            ),
            weights=(
                Rename("head.transform.dense.*", "generator_predictions.dense.*"),
                Rename("head.transform.norm.*", "generator_predictions.LayerNorm.*"),
                Rename("head.bias", "generator_lm_head.bias"),
                Tied("generator_lm_head.weight", "@embeddings.word_embeddings.weight"),
            ),
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "classifier.dense.*"),
                project_rule("classifier.out_proj"),
            ),
        ),
        "token": Head(
            suffix="ForTokenClassification",
            record=token,
            weights=(project_rule("classifier"),),
        ),
        "span": Head(
            suffix="ForQuestionAnswering",
            record=lambda c, _: TokenHeadConfig(task="span"),
            weights=(project_rule("qa_outputs"),),
        ),
        "discriminator": Head(
            suffix="ForPreTraining",
            record=discriminator,
            weights=(
                Rename("head.transform.dense.*", "discriminator_predictions.dense.*"),
                project_rule("discriminator_predictions.dense_prediction"),
            ),
        ),
    },
)
