"""ModernBERT (Warner et al. 2024): rotary positions, pre-norm without biases, GeGLU, and layers
that look 64 tokens to each side, with every third one looking at the whole sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unmask.arch.spec import Arch, PublishedConfig
from unmask.arch.weights import Rename, Tied
from unmask.errors import UnsupportedModel
from unmask.nn.config import (
    AttentionConfig,
    EmbeddingConfig,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    MlpConfig,
    NormConfig,
    Pooling,
    Rope,
    SequenceHeadConfig,
    TransformConfig,
)

LayerType = Literal["full_attention", "sliding_attention"]


class RopeParameters(BaseModel):
    """Rotary positions of one kind of layer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rope_theta: float
    rope_type: Literal["default"] = "default"


class ModernBertConfig(PublishedConfig):
    """The fields of a published ModernBERT `config.json`, and `norm`, which is ours.

    Both published formats are read: the current one (`layer_types`, `rope_parameters`) and the
    previous (`global_attn_every_n_layers`, `global_rope_theta`, `local_rope_theta`).
    """

    OWN: ClassVar[frozenset[str]] = frozenset({"norm"})

    model_type: Literal["modernbert"] = "modernbert"
    hidden_size: int = 768
    num_hidden_layers: int = 22
    num_attention_heads: int = 12
    intermediate_size: int = 1152
    hidden_activation: Literal["gelu"] = "gelu"
    max_position_embeddings: int = 8192
    norm_eps: float = 1e-5
    norm_bias: bool = False
    attention_bias: bool = False
    attention_dropout: float = 0.0
    layer_types: tuple[LayerType, ...] = Field(strict=False)
    rope_parameters: dict[LayerType, RopeParameters]
    local_attention: int = 128
    embedding_dropout: float = 0.0
    mlp_bias: bool = False
    mlp_dropout: float = 0.0
    decoder_bias: bool = True
    classifier_pooling: Pooling = "cls"
    classifier_dropout: float = 0.0
    classifier_bias: bool = False
    classifier_activation: Literal["gelu"] = "gelu"
    norm: Literal["layer", "rms"] = "layer"

    @model_validator(mode="before")
    @classmethod
    def _read_previous_format(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The previous format's three fields as the current format's two."""
        fields = dict(raw)
        every = fields.pop("global_attn_every_n_layers", 3)
        bases = {
            "full_attention": float(fields.pop("global_rope_theta", 160_000.0)),
            "sliding_attention": float(fields.pop("local_rope_theta", None) or 10_000.0),
        }
        depth = fields.get("num_hidden_layers", 22)
        if fields.get("layer_types") is None:
            fields["layer_types"] = [
                "sliding_attention" if i % every else "full_attention" for i in range(depth)
            ]
        if fields.get("rope_parameters") is None:
            fields["rope_parameters"] = {k: {"rope_theta": base} for k, base in bases.items()}
        return fields


def _norm(c: ModernBertConfig) -> NormConfig:
    return NormConfig(kind=c.norm, eps=c.norm_eps, bias=c.norm_bias)


def encoder(c: ModernBertConfig) -> EncoderConfig:
    """Pre-norm layers; the first has no norm before attention, since the embedding ends in one."""
    if len(c.layer_types) != c.num_hidden_layers:
        raise UnsupportedModel(
            f"layer_types must name every layer, but has {len(c.layer_types)} entries for "
            f"num_hidden_layers={c.num_hidden_layers}"
        )

    def layer(index: int, kind: LayerType) -> LayerConfig:
        return LayerConfig(
            attention=AttentionConfig(
                heads=c.num_attention_heads,
                window=c.local_attention // 2 if kind == "sliding_attention" else None,
                rope=Rope(c.rope_parameters[kind].rope_theta),
                bias=c.attention_bias,
                dropout=c.attention_dropout,
                out_dropout=c.attention_dropout,
            ),
            mlp=MlpConfig(
                hidden=c.intermediate_size, gated=True, bias=c.mlp_bias, dropout=c.mlp_dropout
            ),
            before_attention=None if index == 0 else _norm(c),
            before_mlp=_norm(c),
        )

    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=EmbeddingConfig(
            vocab=c.vocab_size, norm=_norm(c), dropout=c.embedding_dropout
        ),
        layers=tuple(layer(index, kind) for index, kind in enumerate(c.layer_types)),
        weights_of=tuple(range(c.num_hidden_layers)),
        final_norm=_norm(c),
    )


def _transform(c: ModernBertConfig) -> TransformConfig:
    return TransformConfig(activation="gelu", bias=c.classifier_bias, norm=_norm(c))


def lm_head(c: ModernBertConfig) -> LMHeadConfig:
    """Dense, GELU, norm, then the token table, with a bias by default."""
    if not c.tie_word_embeddings:
        raise UnsupportedModel(
            "the language-model head reads the token table backwards, but config.json has "
            "tie_word_embeddings=false; untied heads are not served"
        )
    return LMHeadConfig(transform=_transform(c), bias=c.decoder_bias)


def sequence_head(c: ModernBertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """First token or mean, then dense, GELU, norm."""
    return SequenceHeadConfig(
        labels=labels,
        pooling=c.classifier_pooling,
        transform=_transform(c),
        dropout=c.classifier_dropout,
    )


def sized(
    layers: int,
    width: int,
    heads: int,
    *,
    vocab_size: int,
    context: int,
    pad_token_id: int,
    norm: Literal["layer", "rms"] = "layer",
) -> ModernBertConfig:
    """A ModernBERT of any size. GeGLU's two thirds of 4 x width keep the parameters of a plain
    block; rounded to a multiple of 64 for the matrix units."""
    return ModernBertConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=1152 if width == 768 else round(width * 8 / 3 / 64) * 64,
        max_position_embeddings=context,
        pad_token_id=pad_token_id,
        norm=norm,
    )  # type: ignore[call-arg]


MODERNBERT = Arch(
    name="modernbert",
    config=ModernBertConfig,
    encoder=encoder,
    lm_head=lm_head,
    sequence_head=sequence_head,
    sized=sized,
    prefix="model.",
    classes={
        "encoder": "ModernBertModel",
        "lm": "ModernBertForMaskedLM",
        "sequence": "ModernBertForSequenceClassification",
    },
    weights=(
        Rename("encoder.embedding.tokens.weight", "@embeddings.tok_embeddings.weight"),
        Rename("encoder.embedding.norm.*", "@embeddings.norm.*"),
        Rename("encoder.layers.{}.before_attention.*", "@layers.{}.attn_norm.*"),
        Rename("encoder.layers.{}.attention.qkv.*", "@layers.{}.attn.Wqkv.*"),
        Rename("encoder.layers.{}.attention.out.*", "@layers.{}.attn.Wo.*"),
        Rename("encoder.layers.{}.before_mlp.*", "@layers.{}.mlp_norm.*"),
        Rename("encoder.layers.{}.mlp.up.*", "@layers.{}.mlp.Wi.*"),
        Rename("encoder.layers.{}.mlp.down.*", "@layers.{}.mlp.Wo.*"),
        Rename("encoder.final_norm.*", "@final_norm.*"),
    ),
    lm_weights=(
        Rename("head.transform.dense.*", "head.dense.*"),
        Rename("head.transform.norm.*", "head.norm.*"),
        Rename("head.bias", "decoder.bias"),
        Tied("decoder.weight", "@embeddings.tok_embeddings.weight"),
    ),
    sequence_weights=(
        Rename("head.transform.dense.*", "head.dense.*"),
        Rename("head.transform.norm.*", "head.norm.*"),
        Rename("head.project.*", "classifier.*"),
    ),
)
