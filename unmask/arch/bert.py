"""BERT (Devlin et al. 2018): learned positions, segments, post-norm, a pooler on token one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from unmask.arch.published import ACTIVATIONS, Count, HiddenAct, Positive, PublishedConfig, Share
from unmask.arch.spec import Arch
from unmask.arch.weights import Aside, Fuse, Rename, Tied
from unmask.nn.config import (
    AttentionConfig,
    EmbeddingConfig,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    MlpConfig,
    NormConfig,
    Pooling,
    SequenceHeadConfig,
    TransformConfig,
)


class BertConfig(PublishedConfig):
    """The fields of a published BERT `config.json`, and `classifier_pooling`, which is ours."""

    OWN: ClassVar[Mapping[str, str]] = {"classifier_pooling": "choice of pooling"}

    model_type: Literal["bert"] = "bert"
    hidden_act: HiddenAct = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    type_vocab_size: Count = 2
    layer_norm_eps: Positive = 1e-12
    pad_token_id: int | None = 0
    classifier_dropout: Share | None = None
    classifier_pooling: Pooling = "cls"


def encoder(c: BertConfig) -> EncoderConfig:
    """Twelve equal layers in the base size, each with a norm after every sum."""
    norm = NormConfig(eps=c.layer_norm_eps)
    layer = LayerConfig(
        attention=AttentionConfig(
            heads=c.num_attention_heads,
            dropout=c.attention_probs_dropout_prob,
            out_dropout=c.hidden_dropout_prob,
        ),
        mlp=MlpConfig(
            hidden=c.intermediate_size,
            activation=ACTIVATIONS[c.hidden_act],
            out_dropout=c.hidden_dropout_prob,
        ),
        after_attention=norm,
        after_mlp=norm,
    )
    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=EmbeddingConfig(
            vocab=c.vocab_size,
            positions=c.max_position_embeddings,
            segments=c.type_vocab_size,
            norm=norm,
            dropout=c.hidden_dropout_prob,
        ),
        layers=(layer,) * c.num_hidden_layers,
        weights_of=tuple(range(c.num_hidden_layers)),
    )


def lm_head(c: BertConfig) -> LMHeadConfig:
    """Dense, GELU, norm, then the token table with a bias."""
    c.require_tied()
    norm = NormConfig(eps=c.layer_norm_eps)
    return LMHeadConfig(
        transform=TransformConfig(activation=ACTIVATIONS[c.hidden_act], bias=True, norm=norm)
    )


def sequence_head(c: BertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The pooler (dense and tanh on the first token), or the plain mean where asked for."""
    pooler = TransformConfig(activation="tanh", bias=True, norm=None)
    dropout = c.hidden_dropout_prob if c.classifier_dropout is None else c.classifier_dropout
    return SequenceHeadConfig(
        labels=labels,
        pooling=c.classifier_pooling,
        transform=pooler if c.classifier_pooling == "cls" else None,
        dropout=dropout,
    )


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> BertConfig:
    """A BERT of any size, without dropout: pretraining overfits too little to want it."""
    return BertConfig.check(
        {
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 4 * width,
            "max_position_embeddings": context,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "pad_token_id": pad_token_id,
        }
    )


ATTENTION = "@encoder.layer.{}.attention."
BERT = Arch(
    name="bert",
    config=BertConfig,
    encoder=encoder,
    lm_head=lm_head,
    sequence_head=sequence_head,
    sized=sized,
    prefix="bert.",
    token_ids={"pad_token_id": "pad"},
    old_endings={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
    also={"BertForPreTraining": "lm"},
    classes={
        "encoder": "BertModel",
        "lm": "BertForMaskedLM",
        "sequence": "BertForSequenceClassification",
    },
    weights=(
        Rename("encoder.embedding.tokens.weight", "@embeddings.word_embeddings.weight"),
        Rename("encoder.embedding.positions.weight", "@embeddings.position_embeddings.weight"),
        Rename("encoder.embedding.segments.weight", "@embeddings.token_type_embeddings.weight"),
        Rename("encoder.embedding.norm.*", "@embeddings.LayerNorm.*"),
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{ATTENTION}self.{part}.*" for part in ("query", "key", "value")),
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{ATTENTION}output.dense.*"),
        Rename("encoder.layers.{}.after_attention.*", f"{ATTENTION}output.LayerNorm.*"),
        Rename("encoder.layers.{}.mlp.up.*", "@encoder.layer.{}.intermediate.dense.*"),
        Rename("encoder.layers.{}.mlp.down.*", "@encoder.layer.{}.output.dense.*"),
        Rename("encoder.layers.{}.after_mlp.*", "@encoder.layer.{}.output.LayerNorm.*"),
        Aside("@embeddings.position_ids", "a constant: 0, 1, 2, ..."),
        Aside("cls.seq_relationship.*", "the next-sentence head"),
    ),
    lm_weights=(
        Rename("head.transform.dense.*", "cls.predictions.transform.dense.*"),
        Rename("head.transform.norm.*", "cls.predictions.transform.LayerNorm.*"),
        Rename("head.bias", "cls.predictions.bias"),
        Tied("cls.predictions.decoder.weight", "@embeddings.word_embeddings.weight"),
        Tied("cls.predictions.decoder.bias", "cls.predictions.bias"),
        Aside("@pooler.dense.*", "the pooler"),
    ),
    sequence_weights=(
        Rename("head.transform.dense.*", "@pooler.dense.*"),
        Rename("head.project.*", "classifier.*"),
    ),
)
