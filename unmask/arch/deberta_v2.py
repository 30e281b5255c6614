"""DeBERTa-v3 (He et al. 2021), under the name of its published code: disentangled attention over
logarithmic buckets of distance. DeBERTa-v2's convolution is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from unmask.arch import own, postnorm
from unmask.arch.postnorm import PostNormConfig, span_head, token_head
from unmask.arch.published import ACTIVATIONS, HiddenAct, Positive, Share
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Rename, project_rule
from unmask.nn.config import (
    Disentangled,
    EncoderConfig,
    NormConfig,
    SequenceHeadConfig,
    TransformConfig,
)

Term = Literal["c2p", "p2c"]


class DebertaV2Config(PostNormConfig):
    """The fields of a published DeBERTa-v2 or -v3 `config.json`, and `classifier_pooling`, ours."""

    ONLY: ClassVar[Mapping[str, Any]] = {"conv_kernel_size": 0}
    # `legacy` chooses between two names of one head, and both are read.
    READ_OVER: ClassVar[frozenset[str]] = frozenset({"conv_act", "conv_groups", "legacy"})

    model_type: Literal["deberta-v2"] = "deberta-v2"
    type_vocab_size: int = Field(0, ge=0, le=1 << 28)
    layer_norm_eps: Positive = 1e-7
    pad_token_id: int | None = 0
    relative_attention: Literal[True]
    share_att_key: Literal[True]
    pos_att_type: tuple[Term, ...] = Field(strict=False, min_length=1)
    position_buckets: int = Field(-1, le=1 << 28)
    max_relative_positions: int = Field(-1, le=1 << 28)
    position_biased_input: bool = True
    norm_rel_ebd: Literal["none", "layer_norm"] = "none"
    attention_head_size: int | None = None
    embedding_size: int | None = None
    pooler_dropout: Share = 0.0
    pooler_hidden_act: HiddenAct = "gelu"
    pooler_hidden_size: int | None = None
    cls_dropout: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_terms(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The terms as one string, as old files have them."""
        fields = dict(raw)
        for name in ("relative_attention", "share_att_key"):
            # The literal would take a 1 for true, and no other field does.
            if type(fields.get(name, True)) is not bool:
                raise ValueError(f"{name} must be true, not {fields[name]!r}")
        if isinstance(terms := fields.get("pos_att_type"), str):
            fields["pos_att_type"] = [term.strip() for term in terms.lower().split("|")]
        return fields

    @model_validator(mode="after")
    def _check_widths(self) -> Self:
        widths = {
            "attention_head_size": self.hidden_size // self.num_attention_heads,
            "embedding_size": self.hidden_size,
            "pooler_hidden_size": self.hidden_size,
        }
        for name, only in widths.items():
            if (value := getattr(self, name)) not in (None, only):
                raise ValueError(f"{name}={value} is not served, only {only}, as in DeBERTa-v3")
        if self.position_buckets in (0, 1, 2, 3):
            raise ValueError(
                f"position_buckets={self.position_buckets} must be 4 or more, or -1 for none"
            )
        return self


def encoder(c: DebertaV2Config) -> EncoderConfig:
    """BERT's layers; distances enter every attention, and the embedding only where asked for."""
    farthest = c.max_relative_positions
    farthest = farthest if farthest > 0 else c.max_position_embeddings
    norm = NormConfig(eps=c.layer_norm_eps)
    layer = postnorm.bert_layer(
        c,
        Disentangled(
            span=c.position_buckets if c.position_buckets > 0 else farthest,
            farthest=farthest,
            bucketed=c.position_buckets > 0,
            terms=c.pos_att_type,
            norm=norm if c.norm_rel_ebd == "layer_norm" else None,
            dropout=c.hidden_dropout_prob,
        ),
    )
    embedding = postnorm.bert_embedding(
        c, segments=c.type_vocab_size, positions=c.position_biased_input
    )
    return postnorm.stack(c, layer, embedding)


def sequence(c: DebertaV2Config, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """The context pooler: dropout, dense and GELU on the first token."""
    activation = ACTIVATIONS[c.pooler_hidden_act]
    transform = TransformConfig(activation=activation, dropout=c.pooler_dropout)
    dropout = c.hidden_dropout_prob if c.cls_dropout is None else c.cls_dropout
    return postnorm.sequence_head(c, labels, transform, dropout)


def transform(c: DebertaV2Config) -> TransformConfig:
    """Before the scores of replaced tokens, as DeBERTa-v3 was trained with."""
    norm = NormConfig(eps=c.layer_norm_eps)
    return TransformConfig(activation=ACTIVATIONS[c.hidden_act], norm=norm)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> DebertaV2Config:
    """A DeBERTa-v3 of any size."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context)
    own = {
        "relative_attention": True,
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 256,
        "position_biased_input": False,
        "norm_rel_ebd": "layer_norm",
        "pad_token_id": pad_token_id,
    }
    return DebertaV2Config.check({**sizes, **postnorm.NO_DROPOUT, **own})


DEBERTA_V2 = Arch(
    name="deberta_v2",
    configs={"deberta-v2": DebertaV2Config},
    stems={"deberta-v2": "DebertaV2"},
    encoder=encoder,
    sized=sized,
    prefix="deberta.",
    own_heads=own.discriminator(transform),
    token_ids={"pad_token_id": "pad"},
    weights=(
        *postnorm.embedding_rules(),
        # Published checkpoints have them where the model does not read them.
        Aside("@embeddings.position_embeddings.weight", "positions that this config leaves out"),
        Rename("encoder.relative.table.weight", "@encoder.rel_embeddings.weight"),
        Rename("encoder.relative.norm.*", "@encoder.LayerNorm.*"),
        *postnorm.layer_rules(("query_proj", "key_proj", "value_proj")),
        Aside("mask_predictions.dense.*", "the discriminator"),
        Aside("mask_predictions.LayerNorm.*", "the discriminator"),
        Aside("mask_predictions.classifier.*", "the discriminator"),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lambda c, _: postnorm.masked_lm(c, c.hidden_act, c.layer_norm_eps),
            weights=(
                *postnorm.CLS_LM,
                # The other name of the same head, which is read and not written.
                Rename("head.transform.dense.*", "lm_predictions.lm_head.dense.*"),
                Rename("head.transform.norm.*", "lm_predictions.lm_head.LayerNorm.*"),
                Rename("head.bias", "lm_predictions.lm_head.bias"),
            ),
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "pooler.dense.*"),
                project_rule("classifier"),
            ),
        ),
        "token": token_head(lambda c: c.hidden_dropout_prob),
        "span": span_head(),
    },
)
