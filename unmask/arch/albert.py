"""ALBERT (Lan et al. 2019): one parameter set for all of BERT's layers, a factorised embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from unmask.arch import postnorm
from unmask.arch.postnorm import PostNormConfig, pretraining_head, span_head, token_head
from unmask.arch.published import Count, HiddenAct, Share
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Fuse, Kept, Rename, project_rule
from unmask.nn.config import (
    EncoderConfig,
    LMHeadConfig,
    SequenceHeadConfig,
    TransformConfig,
)


class AlbertConfig(PostNormConfig):
    """The fields of a published ALBERT `config.json`, and `classifier_pooling`, which is ours."""

    # Of the first release's code; never at another value in a published model.
    ONLY: ClassVar[Mapping[str, Any]] = {
        "down_scale_factor": 1,
        "gap_size": 0,
        "inner_group_num": 1,
        "layers_to_keep": [],
        "net_structure_type": 0,
        "num_memory_blocks": 0,
    }

    model_type: Literal["albert"] = "albert"
    embedding_size: Count = 128
    num_hidden_groups: Count = 1
    hidden_act: HiddenAct = "gelu_new"
    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    classifier_dropout_prob: Share | None = 0.1
    type_vocab_size: Count = 2
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        if self.num_hidden_groups > self.num_hidden_layers:
            raise ValueError(
                f"num_hidden_groups={self.num_hidden_groups} must not exceed "
                f"num_hidden_layers={self.num_hidden_layers}"
            )
        return self


def encoder(c: AlbertConfig) -> EncoderConfig:
    """Equal layers; each group of neighbours uses one parameter set."""
    layer = postnorm.layer(
        c,
        activation=c.hidden_act,
        eps=c.layer_norm_eps,
        attention_dropout=c.attention_probs_dropout_prob,
        out_dropout=c.hidden_dropout_prob,
        # The published block drops nothing behind its feed-forward half.
        mlp_dropout=0.0,
    )
    embedding = postnorm.bert_embedding(
        c, segments=c.type_vocab_size, width=c.embedding_size, widen="project"
    )
    depth, groups = c.num_hidden_layers, c.num_hidden_groups
    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=embedding,
        layers=(layer,) * depth,
        weights_of=tuple(int(number / (depth / groups)) for number in range(depth)),
    )


def dropout(c: AlbertConfig) -> float:
    """Of the heads: their own, or where the config has none the encoder's."""
    own = c.classifier_dropout_prob
    return c.hidden_dropout_prob if own is None else own


def lm(c: AlbertConfig, labels: tuple[str, ...]) -> LMHeadConfig:
    """Dense to the narrow width of the token table, activation and norm before it."""
    return postnorm.masked_lm(c, c.hidden_act, c.layer_norm_eps, width=c.embedding_size)


def sequence(c: AlbertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The pooler: dense and tanh on the first token."""
    return postnorm.sequence_head(c, labels, TransformConfig(activation="tanh"), dropout(c))


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> AlbertConfig:
    """An ALBERT of any size, with the published embedding of 128."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    open_ids = dict.fromkeys(("bos_token_id", "eos_token_id"))
    return AlbertConfig.check({**sizes, **open_ids, "pad_token_id": pad_token_id})


POOLER = Aside("@pooler.*", "the pooler")
LM = postnorm.lm_rules(
    "predictions.dense", "predictions.LayerNorm", "predictions.bias", "predictions.decoder"
)
GROUP = "@encoder.albert_layer_groups.{}.albert_layers.0."
ALBERT = Arch(
    name="albert",
    configs={"albert": AlbertConfig},
    stems={"albert": "Albert"},
    encoder=encoder,
    sized=sized,
    prefix="albert.",
    token_ids={"pad_token_id": "pad", "bos_token_id": "cls", "eos_token_id": "sep"},
    also={"AlbertForPreTraining": "lm"},
    weights=(
        *postnorm.embedding_rules(),
        Rename("encoder.embedding.widen.*", "@encoder.embedding_hidden_mapping_in.*"),
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{GROUP}attention.{part}.*" for part in ("query", "key", "value")),
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{GROUP}attention.dense.*"),
        Rename("encoder.layers.{}.after_attention.*", f"{GROUP}attention.LayerNorm.*"),
        Rename("encoder.layers.{}.mlp.up.*", f"{GROUP}ffn.*"),
        Rename("encoder.layers.{}.mlp.down.*", f"{GROUP}ffn_output.*"),
        Rename("encoder.layers.{}.after_mlp.*", f"{GROUP}full_layer_layer_norm.*"),
        Aside("sop_classifier.classifier.*", "the sentence-order head"),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None, weights=(Kept("@pooler.*"),)),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lm,
            weights=(*LM, POOLER),
        ),
        "pretraining": pretraining_head(lm, LM, "@pooler", "sop_classifier.classifier", dropout),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(Rename("head.transform.dense.*", "@pooler.*"), project_rule("classifier")),
        ),
        "token": token_head(dropout, POOLER),
        "span": span_head(POOLER),
    },
)
