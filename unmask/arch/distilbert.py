"""DistilBERT (Sanh et al. 2019): BERT's layers, half as many, without segments and pooler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from unmask.arch import postnorm
from unmask.arch.postnorm import span_head, token_head
from unmask.arch.published import HiddenAct, Share, TransformerConfig
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Fuse, Rename, Tied, project_rule
from unmask.nn.config import (
    EmbeddingConfig,
    EncoderConfig,
    NormConfig,
    SequenceHeadConfig,
    TransformConfig,
)

EPS = 1e-12  # of every norm; the published config has no field for it


class DistilBertConfig(TransformerConfig):
    """The fields of a published DistilBERT `config.json`, and `classifier_pooling`, which is ours.

    `sinusoidal_pos_embds` says how the position table was first filled; its weights are stored in
    either case.
    """

    ONLY: ClassVar[Mapping[str, Any]] = {"tie_weights_": True}
    THEIRS: ClassVar[Mapping[str, str]] = {
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
    }

    model_type: Literal["distilbert"] = "distilbert"
    activation: HiddenAct = "gelu"
    dropout: Share = 0.1
    attention_dropout: Share = 0.1
    qa_dropout: Share = 0.1
    seq_classif_dropout: Share = 0.2
    sinusoidal_pos_embds: bool = False
    pad_token_id: int | None = 0


def encoder(c: DistilBertConfig) -> EncoderConfig:
    """BERT's layers, with no dropout between attention and its sum."""
    layer = postnorm.layer(
        c,
        activation=c.activation,
        eps=EPS,
        attention_dropout=c.attention_dropout,
        out_dropout=0.0,
        mlp_dropout=c.dropout,
    )
    embedding = EmbeddingConfig(
        vocab=c.vocab_size,
        positions=c.max_position_embeddings,
        norm=NormConfig(eps=EPS),
        dropout=c.dropout,
    )
    return postnorm.stack(c, layer, embedding)


def sequence(c: DistilBertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Dense and ReLU on the first token."""
    transform = TransformConfig(activation="relu")
    return postnorm.sequence_head(c, labels, transform, c.seq_classif_dropout)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> DistilBertConfig:
    """A DistilBERT of any size, without dropout in the encoder."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    own = {"dropout": 0.0, "attention_dropout": 0.0, "pad_token_id": pad_token_id}
    return DistilBertConfig.check({**sizes, **own})


LAYER = "@transformer.layer.{}."
DISTILBERT = Arch(
    name="distilbert",
    configs={"distilbert": DistilBertConfig},
    stems={"distilbert": "DistilBert"},
    encoder=encoder,
    sized=sized,
    prefix="distilbert.",
    token_ids={"pad_token_id": "pad"},
    weights=(
        *postnorm.embedding_rules(segments=False),
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{LAYER}attention.{part}_lin.*" for part in ("q", "k", "v")),
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{LAYER}attention.out_lin.*"),
        Rename("encoder.layers.{}.after_attention.*", f"{LAYER}sa_layer_norm.*"),
        Rename("encoder.layers.{}.mlp.up.*", f"{LAYER}ffn.lin1.*"),
        Rename("encoder.layers.{}.mlp.down.*", f"{LAYER}ffn.lin2.*"),
        Rename("encoder.layers.{}.after_mlp.*", f"{LAYER}output_layer_norm.*"),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lambda c, _: postnorm.masked_lm(c, c.activation, EPS),
            weights=(
                Rename("head.transform.dense.*", "vocab_transform.*"),
                Rename("head.transform.norm.*", "vocab_layer_norm.*"),
                Rename("head.bias", "vocab_projector.bias"),
                Tied("vocab_projector.weight", "@embeddings.word_embeddings.weight"),
            ),
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "pre_classifier.*"),
                project_rule("classifier"),
            ),
        ),
        "token": token_head(lambda c: c.dropout),
        "span": span_head(dropout=lambda c: c.qa_dropout),
    },
)
