"""BERT (Devlin et al. 2018): learned positions, segments, post-norm, a pooler on the first token."""

from __future__ import annotations

from typing import ClassVar, Literal

from unmask.arch.spec import Arch, PublishedConfig
from unmask.arch.weights import Aside, Fuse, Rename, Tied
from unmask.errors import UnsupportedModel
from unmask.nn.config import (
    Activation,
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

ACTIVATIONS: dict[str, Activation] = {"gelu": "gelu", "gelu_new": "gelu_tanh", "relu": "relu"}


class BertConfig(PublishedConfig):
    """The fields of a published BERT `config.json`, and `classifier_pooling`, which is ours."""

    OWN: ClassVar[frozenset[str]] = frozenset({"classifier_pooling"})

    model_type: Literal["bert"] = "bert"
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    classifier_dropout: float | None = None
    position_embedding_type: Literal["absolute"] = "absolute"
    is_decoder: Literal[False] = False
    add_cross_attention: Literal[False] = False
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
    if not c.tie_word_embeddings:
        raise UnsupportedModel(
            "the language-model head reads the token table backwards, but config.json has "
            "tie_word_embeddings=false; untied heads are not served"
        )
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
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=context,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=pad_token_id,
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
