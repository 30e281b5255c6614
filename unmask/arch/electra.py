"""ELECTRA (Clark et al. 2020): BERT with an embedding that may be narrower than the encoder, as
generator (a masked language model) or as discriminator (which tells replaced tokens)."""

from __future__ import annotations

from typing import ClassVar, Literal

from unmask.arch import postnorm
from unmask.arch.postnorm import PostNormConfig, head_dropout, span_head, token_head
from unmask.arch.published import ACTIVATIONS, Count, Share
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Rename, Tied, project_rule
from unmask.nn.config import (
    EncoderConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


class ElectraConfig(PostNormConfig):
    """The fields of a published ELECTRA `config.json`, and `classifier_pooling`, which is ours."""

    # Of the multiple-choice head, which is not served.
    READ_OVER: ClassVar[frozenset[str]] = frozenset(
        {"summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout"}
    )

    model_type: Literal["electra"] = "electra"
    embedding_size: Count = 128
    type_vocab_size: Count = 2
    pad_token_id: int | None = 0
    classifier_dropout: Share | None = None


def encoder(c: ElectraConfig) -> EncoderConfig:
    """BERT's layers behind an embedding of its own width."""
    layer = postnorm.bert_layer(c)
    embedding = postnorm.bert_embedding(
        c,
        segments=c.type_vocab_size,
        width=c.embedding_size,
        widen=None if c.embedding_size == c.hidden_size else "project",
    )
    return postnorm.stack(c, layer, embedding)


def sequence(c: ElectraConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Two layers with GELU on the first token, dropout before each."""
    dropout = head_dropout(c)
    transform = TransformConfig(activation="gelu", dropout=dropout)
    return postnorm.sequence_head(c, labels, transform, dropout)


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
            weights=(*postnorm.TWO_LAYERS,),
        ),
        "token": token_head(head_dropout),
        "span": span_head(),
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
